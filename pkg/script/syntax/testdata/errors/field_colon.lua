{port: 1}

{port 1}

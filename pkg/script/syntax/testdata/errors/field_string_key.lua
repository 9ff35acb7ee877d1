{"port" = 1}

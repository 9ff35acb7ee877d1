sum(
a
b
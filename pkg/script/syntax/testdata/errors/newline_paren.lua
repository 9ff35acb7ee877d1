f
(a)
return {f = function(a, b return a end}

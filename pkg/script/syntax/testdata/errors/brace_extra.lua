return {a = 1}}

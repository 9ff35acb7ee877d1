print(("abc"):rep(3,"-"), ("x"):rep(0), ("x"):rep(-1))
print(("hello"):sub(2,-2), ("hello"):sub(-3), ("hello"):sub(10), ("hello"):sub(0))
print(("hello"):byte(1,-1)) print(string.char(104,105))
print(("a+b"):find("+",1,true), ("abc"):find("b",-1), ("abc"):find(""), ("abc"):find("",4), ("abc"):find("",5))
print(("h\195\169llo"):reverse() == "oll\169\195h", #("h\195\169llo"):upper(), ("\255"):upper()=="\255", ("\255\254"):lower()=="\255\254")
print("abc" < "abd", "Z" < "a", "" < "a", "a" < "aa", "a\0b"<"a\0c", "a"<="a")
print(10 == "10", 0 == -0, 0/0 == 0/0, 1==1.0, "1"==1)
local t={} t[1]="a" t["1"]="b" print(t[1],t["1"])
print("\65\066\x41\z
   B", 'a\'b', "a\
b") print([[x
y]], [==[a]]b]==]) print(#"\0\0")
print(("%d"):format("3"), ("x"):rep(3), ("abc"):len())
print(concat(1, "a", true, nil, 2.5))
print(tostring(1e15), tostring(-0.5), type(nil), type(2), type("x"), type({}), type(print))

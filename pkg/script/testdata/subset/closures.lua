local n=0 local function inc() n=n+1 return n end print(inc(), inc(), n)
local x=1 do local x=2 local f=function() x=x+1 return x end print(f(),f()) end print(x)
local fs={} for i=1,3 do fs[i]=function() i=i+1 return i end end
print(fs[1](),fs[2](),fs[3](),fs[1]())
local i=0 while i<3 do i=i+1 local j=i fs[i]=function() j=j+1 return j end end print(fs[1](),fs[1](),fs[2](),fs[3]())
local function rec(n) if n==0 then return 0 end return n+rec(n-1) end print(rec(50))
repeat local z=5 local f=function() return z end until f()==5 print("ok")
local function a(n) if n==0 then return "end" end return a(n-1) end print(a(20))

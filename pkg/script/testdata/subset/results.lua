local function f() return 1,2,3 end
print(f()) print((f())) print(f(),f()) local t={f(),f()} print(#t) local a,b,c,d=f() print(a,b,c,d) local x,y=f(),10 print(x,y)
print(select(2,f())) print(select(-1,f())) print(select("#",f(),f())) print(pcall(f))
local function g(p, q) return p, q end print(g()) print(g(nil,nil)) print((g(1,2)))
print(1 and 2, nil or 3, false and 1, nil and 1 or 2, not nil==true)
local p,q=1,2 p,q=q,p print(p,q)
print(pcall(error, "m")) print(pcall(function() error("m") end)) print(select("#", pcall(error)))

local t = {a=1,b=2,c=3}
print(pcall(function() for k in pairs(t) do t[k] = nil end end))
local n = 0 for k in pairs(t) do n = n + 1 end print(n)
local u={} for i=1,10 do u[concat("k",i)]=i end local c=0
for k,v in pairs(u) do u[k]=v+1 c=c+1 end print(c) c=0
for k,v in pairs(u) do if mod(v,2)==0 then u[k]=nil end c=c+1 end print(c)
for k,v in pairs({10,20,30,x=1,[true]=2,[-1]=3,y=0}) do print(k,v) end

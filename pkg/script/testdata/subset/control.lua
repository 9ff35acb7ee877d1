for i=1,3 do for j=1,3 do if j==2 then goto continue end print(i,j) ::continue:: end end
do local k=0 ::top:: k=k+1 if k<3 then goto top end print(k) end
local n=0 while true do n=n+1 if n>4 then break end end print(n)
repeat local z=n n=n-1 until z<3 print(n)
for i=3,1,-1 do print(i) end for i=1,0 do print("no") end for i=1.5,3 do print(i) end for i=1,2,0.5 do print(i) end
local s=0 for i=10,1,-3 do s=s+i end print(s)
for i="1",2 do print(type(i)) end
if nil then print(1) elseif false then print(2) elseif 0 then print(3) else print(4) end

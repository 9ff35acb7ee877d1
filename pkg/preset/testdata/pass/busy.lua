local q = sum(queue_length)
if q > 10 then
	return q
end
return 0

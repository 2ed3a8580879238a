-- Drop a delivery's record when its time is over: it is done with, and its lead is forgotten.
-- ARGV: 2 destination, 3 id. Answers 1, or 0 while it has to stay.
local dest, id = ARGV[2], ARGV[3]
local f = read(id, 'state', 'lead')
if f.state then
  if f.state ~= 'delivered' and f.state ~= 'discarded' then return 0 end
  -- While the lead is there, its deliveries are what keeps it from being delivered again.
  if redis.call('EXISTS', lead_key(f.lead)) == 1 then return 0 end
  redis.call('DEL', delivery_key(id), attempts_key(id))
end
redis.call('ZREM', list_key(dest), id)
return 1

-- Forget one lead whose time is over, unless a delivery of it is unfinished or dead.
-- ARGV: 2 uid. Answers 1 if it is gone, 0 if it has to stay.
local uid = ARGV[2]
local key = lead_key(uid)
local names = redis.call('HGET', key, 'deliveries')
local ids = {}
if names then
  for id in string.gmatch(names, '%S+') do
    local state = redis.call('HGET', delivery_key(id), 'state')
    if state and state ~= 'delivered' and state ~= 'discarded' then return 0 end
    ids[#ids + 1] = id
  end
end
for _, id in ipairs(ids) do
  local dest = redis.call('HGET', delivery_key(id), 'destination')
  if dest then redis.call('ZREM', list_key(dest), id) end
  redis.call('DEL', delivery_key(id), attempts_key(id))
end
redis.call('DEL', key)
redis.call('ZREM', P .. 'leads', uid)
redis.call('ZREM', P .. 'unrouted', uid)
redis.call('ZREM', P .. 'ladder', uid)
redis.call('ZREM', P .. 'unclaimed', uid)
want_rewrite()
return 1

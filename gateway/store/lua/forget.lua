-- Forget the content of a lead whose time is over. Its deliveries stay, without what was answered,
-- until their own time is over; the mark that it was seen stays for good.
-- ARGV: 2 uid, 3 why (retired: nothing of it may be unfinished or dead; expired: what is so is
-- discarded). Answers forgotten | kept (unfinished or dead) | busy (on the wire) | gone.
local uid, why = ARGV[2], ARGV[3]
local key = lead_key(uid)
local names = redis.call('HGET', key, 'deliveries')
if redis.call('EXISTS', key) == 0 then
  redis.call('ZREM', P .. 'leads', uid)
  redis.call('ZREM', P .. 'expiring', uid)
  return 'gone'
end

local ids, open = {}, {}
for id in string.gmatch(names or '', '%S+') do
  local f = read(id, 'state', 'destination', 'lane')
  if f.state then
    ids[#ids + 1] = id
    if f.state == 'delivering' then return 'busy' end
    if f.state ~= 'delivered' and f.state ~= 'discarded' then open[id] = f end
  end
end
if why == 'retired' and next(open) then return 'kept' end

for _, id in ipairs(ids) do
  forget_content(id)
  local f = open[id]
  if f then
    leave_waiting(id, f.destination, f.lane)
    discard(id, f.destination, f.state, uid, 'expired')
  end
end
forget_lead(uid)
return 'forgotten'

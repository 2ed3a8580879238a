-- Take back what a worker held whose lease ran out: at most ARGV[3] deliveries a call.
-- ARGV: 2 worker, 3 limit, 4 interruptions that end a delivery.
-- Answers {left, {id, destination, lane, ready | dead | discarded}...}.
local worker, limit, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local lease = redis.call('ZSCORE', P .. 'workers', worker)
if lease and tonumber(lease) > now then return {0} end

local back = {0}
for _, id in ipairs(redis.call('SRANDMEMBER', owned_key(worker), limit)) do
  local f = read(id, 'state', 'owner', 'total', 'destination', 'lane', 'created', 'lead', 'begun', 'cut')
  redis.call('SREM', owned_key(worker), id)
  if f.state == 'delivering' and f.owner == worker then
    back[#back + 1] = {id, f.destination, f.lane, interrupt(id, f, now, most)}
  end
end
back[1] = redis.call('SCARD', owned_key(worker))
if back[1] == 0 then redis.call('ZREM', P .. 'workers', worker) end
return back

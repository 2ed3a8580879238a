-- Take back what a worker held whose lease ran out: at most ARGV[3] deliveries a call.
-- ARGV: 2 worker, 3 limit, 4 interruptions that end a delivery.
-- Answers {left, {id, destination, lane, state}...}.
local worker, limit, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local lease = redis.call('ZSCORE', P .. 'workers', worker)
if lease and tonumber(lease) > now then return {0} end

local back = {0}
local ids = redis.call('SRANDMEMBER', owned_key(worker), limit)
for _, id in ipairs(ids) do
  local key = delivery_key(id)
  local f = redis.call('HMGET', key, 'state', 'owner', 'total', 'destination', 'lane', 'created', 'lead', 'made', 'begun', 'cut')
  redis.call('SREM', owned_key(worker), id)
  if f[1] == 'delivering' and f[2] == worker then
    local dest, cut = f[4], tonumber(f[10] or '0') + 1
    record(id, tonumber(f[3]), tonumber(f[9]), math.max(0, now - tonumber(f[9])), 'interrupted', 'interrupted', '', 1, '')
    count(dest, 'outcome:interrupted')
    redis.call('HDEL', key, 'owner', 'begun')
    redis.call('HSET', key, 'reason', 'interrupted', 'cut', cut)
    if redis.call('EXISTS', lead_key(f[7])) == 0 then
      discard(id, dest, f[7], 'erased')
      back[#back + 1] = {id, dest, f[5], 'discarded'}
    elseif cut >= most then
      redis.call('HSET', key, 'state', 'dead')
      bury(id, dest, 'interrupted', now)
      event('dead', id, f[7], dest, 'interrupted')
      hurry_ladder(f[7], now)
      back[#back + 1] = {id, dest, f[5], 'dead'}
    else
      redis.call('HSET', key, 'state', 'retrying')
      make_ready(id, dest, f[5], f[6])
      back[#back + 1] = {id, dest, f[5], 'ready'}
    end
  end
end
back[1] = redis.call('SCARD', owned_key(worker))
if back[1] == 0 then redis.call('ZREM', P .. 'workers', worker) end
return back

-- Return deliveries that were begun and not sent (a worker stops, or lost track of them).
-- ARGV: 2 worker, 3 sent 0|1 (1: something may have gone out), then ids. Answers the ids returned.
local worker, sent = ARGV[2], ARGV[3] == '1'
local now = now_ms()
local back = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local key = delivery_key(id)
  local f = redis.call('HMGET', key, 'state', 'owner', 'total', 'destination', 'lane', 'created', 'lead', 'made', 'begun')
  redis.call('SREM', owned_key(worker), id)
  if f[1] == 'delivering' and f[2] == worker then
    redis.call('HDEL', key, 'owner', 'begun')
    local state = tonumber(f[8]) > 0 and 'retrying' or 'pending'
    if sent then
      state = 'retrying'
      record(id, tonumber(f[3]), tonumber(f[9]), now - tonumber(f[9]), 'interrupted', 'interrupted', '', 1, '')
      redis.call('HSET', key, 'finished', f[3], 'reason', 'interrupted')
      redis.call('HINCRBY', key, 'cut', 1)
      count(f[4], 'outcome:interrupted')
    else
      redis.call('HINCRBY', key, 'total', -1)
    end
    if redis.call('EXISTS', lead_key(f[7])) == 0 then
      discard(id, f[4], f[7], 'erased')
    else
      redis.call('HSET', key, 'state', state)
      make_ready(id, f[4], f[5], f[6])
      back[#back + 1] = {id, f[4], f[5]}
    end
  end
end
return back

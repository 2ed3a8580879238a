-- A worker's own lease. ARGV: 2 worker, 3 ms (0: give it up), 4 first 0|1.
-- Answers {deliveries it owns, late 0|1}; -1 for the first when all it had was taken back meanwhile.
-- A lease that ran out unnoticed can be taken up again: what it still owns nobody else has touched.
local worker, ms = ARGV[2], tonumber(ARGV[3])
local now = now_ms()
local owned = redis.call('SCARD', owned_key(worker))
local lease = redis.call('ZSCORE', P .. 'workers', worker)
-- Out first: a full server refuses what grows it, unless the script has begun to shrink it.
if ms == 0 or lease then redis.call('ZREM', P .. 'workers', worker) end
if ms == 0 then
  -- Whoever gives up with something in hand has it reaped at once.
  if owned > 0 then redis.call('ZADD', P .. 'workers', int(now), worker) end
  return {owned, 0}
end
if not lease and ARGV[4] == '0' then return {-1, 1} end
redis.call('ZADD', P .. 'workers', int(now + ms), worker)
return {owned, (lease and tonumber(lease) <= now) and 1 or 0}

-- A worker's own lease. ARGV: 2 worker, 3 ms (0: give it up), 4 first 0|1.
-- Answers how many deliveries it owns, or -1 when the lease was lost meanwhile.
local worker, ms = ARGV[2], tonumber(ARGV[3])
local now = now_ms()
local owned = redis.call('SCARD', owned_key(worker))
if ms == 0 then
  if owned == 0 then redis.call('ZREM', P .. 'workers', worker) end
  return owned
end
if ARGV[4] == '0' then
  local lease = redis.call('ZSCORE', P .. 'workers', worker)
  if not lease or tonumber(lease) <= now then return -1 end
end
redis.call('ZADD', P .. 'workers', int(now + ms), worker)
return owned

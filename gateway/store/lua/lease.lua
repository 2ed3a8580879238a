-- Take, renew or lose a named lease. ARGV: 2 name, 3 owner, 4 ms. Answers the fencing token, 0 if held.
-- The token rises each time the lease changes hands, never when its holder renews it.
local key = P .. 'lease:' .. ARGV[2]
local now = now_ms()
local f = redis.call('HMGET', key, 'owner', 'until', 'token')
local token = tonumber(f[3] or '0')
if f[1] and f[1] ~= ARGV[3] and tonumber(f[2]) > now then return 0 end
if f[1] ~= ARGV[3] or tonumber(f[2]) <= now then token = token + 1 end
redis.call('HSET', key, 'owner', ARGV[3], 'until', int(now + tonumber(ARGV[4])), 'token', token)
return token

-- Move a feed's checkpoint forward, never back, and only for the holder of the source's lease.
-- ARGV: 2 source, 3 feed, 4 checkpoint ms, 5 fencing token. Answers moved | behind | fenced.
local token = redis.call('HGET', P .. 'lease:source:' .. ARGV[2], 'token')
if (token or '0') ~= ARGV[5] then return 'fenced' end
local key, field = P .. 'source:' .. ARGV[2], 'checkpoint:' .. ARGV[3]
local at = tonumber(redis.call('HGET', key, field) or '0')
if tonumber(ARGV[4]) <= at then return 'behind' end
redis.call('HSET', key, field, ARGV[4])
return 'moved'

-- Write down how far a backfill is, only for the holder of its lease.
-- ARGV: 2 source, 3 fencing token, then field, value, …. Answers noted | fenced.
local token = redis.call('HGET', P .. 'lease:backfill:' .. ARGV[2], 'token')
if (token or '0') ~= ARGV[3] then return 'fenced' end
redis.call('HSET', P .. 'backfill:' .. ARGV[2], unpack(ARGV, 4))
return 'noted'

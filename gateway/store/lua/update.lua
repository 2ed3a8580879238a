-- A known lead read again with more or other content: replace what is stored, deliver nothing.
-- ARGV: 2 uid, 3 digest expected, 4 digest new, 5 body, 6 expires ms or "",
--       7 hashes to find it by.
local uid, key, expiring = ARGV[2], lead_key(ARGV[2]), P .. 'expiring'
local known = redis.call('HMGET', key, 'digest', 'find', 'terms')
local digest = known[1]
if not digest then return 'gone' end
if digest ~= ARGV[3] then return 'moved' end
strike_out(uid, known[2], known[3])
list_under(uid, ARGV[7])
redis.call('HSET', key, 'digest', ARGV[4], 'body', ARGV[5], 'find', ARGV[7])
if known[3] then redis.call('HDEL', key, 'terms') end
-- The portal may shorten or lengthen its time; one that came after its time keeps none.
local had = redis.call('ZSCORE', expiring, uid)
if ARGV[6] == '' then
  redis.call('ZREM', expiring, uid)
elseif had or tonumber(ARGV[6]) > now_ms() then
  redis.call('ZADD', expiring, ARGV[6], uid)
end
return 'updated'

-- A known lead read again with more or other content: replace what is stored, deliver nothing.
-- ARGV: 2 uid, 3 digest expected, 4 digest new, 5 body, 6 category, 7 expires ms or "",
--       8 hashes to find it by.
local uid, key, expiring = ARGV[2], lead_key(ARGV[2]), P .. 'expiring'
local known = redis.call('HMGET', key, 'digest', 'terms')
local digest = known[1]
if not digest then return 'gone' end
if digest ~= ARGV[3] then return 'moved' end
strike_out(uid, known[2])
list_under(uid, ARGV[8])
redis.call('HSET', key, 'digest', ARGV[4], 'body', ARGV[5], 'category', ARGV[6], 'terms', ARGV[8])
-- The portal may shorten or lengthen its time; one that came after its time keeps none.
local had = redis.call('ZSCORE', expiring, uid)
if ARGV[7] == '' then
  redis.call('ZREM', expiring, uid)
elseif had or tonumber(ARGV[7]) > now_ms() then
  redis.call('ZADD', expiring, ARGV[7], uid)
end
return 'updated'

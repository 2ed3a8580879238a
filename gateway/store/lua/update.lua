-- A known lead read again with more or other content: replace what is stored, deliver nothing.
-- ARGV: 2 uid, 3 digest expected, 4 digest new, 5 body, 6 category, 7 expires ms or "".
local uid, key, expiring = ARGV[2], lead_key(ARGV[2]), P .. 'expiring'
local digest = redis.call('HGET', key, 'digest')
if not digest then return 'gone' end
if digest ~= ARGV[3] then return 'moved' end
redis.call('HSET', key, 'digest', ARGV[4], 'body', ARGV[5], 'category', ARGV[6])
-- The portal may shorten or lengthen its time; one that came after its time keeps none.
local had = redis.call('ZSCORE', expiring, uid)
if ARGV[7] == '' then
  redis.call('ZREM', expiring, uid)
elseif had or tonumber(ARGV[7]) > now_ms() then
  redis.call('ZADD', expiring, ARGV[7], uid)
end
return 'updated'

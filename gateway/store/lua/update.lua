-- A known lead read again with more or other content: replace what is stored, deliver nothing.
-- ARGV: 2 uid, 3 digest expected, 4 digest new, 5 body, 6 category.
local key = lead_key(ARGV[2])
local digest = redis.call('HGET', key, 'digest')
if not digest then return 'gone' end
if digest ~= ARGV[3] then return 'moved' end
redis.call('HSET', key, 'digest', ARGV[4], 'body', ARGV[5], 'category', ARGV[6])
return 'updated'

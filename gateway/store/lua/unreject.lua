-- Forget rejected items: those that came before a time, or some by id.
-- ARGV: 2 before ms ("" = none), 3 most, then ids. Answers how many were forgotten.
local key, records = P .. 'rejected', P .. 'rejected:records'
local ids = {}
if ARGV[2] ~= '' then
  ids = redis.call('ZRANGE', key, '-inf', '(' .. ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3])
end
for i = 4, #ARGV do ids[#ids + 1] = ARGV[i] end
local gone = 0
for _, id in ipairs(ids) do
  gone = gone + redis.call('ZREM', key, id)
  redis.call('HDEL', records, id)
end
return gone

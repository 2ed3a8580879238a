-- Keep an item that could not become a lead, once however often it is read; the oldest make room.
-- ARGV: 2 id, 3 source, 4 record, 5 how many are kept. Answers 1 if it is new.
local key, records = P .. 'rejected', P .. 'rejected:records'
if redis.call('ZADD', key, 'NX', int(now_ms()), ARGV[2]) == 0 then return 0 end
redis.call('HSET', records, ARGV[2], ARGV[4])
redis.call('HINCRBY', P .. 'counts', 'rejected:' .. ARGV[3], 1)
local over = redis.call('ZCARD', key) - tonumber(ARGV[5])
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', key, 0, over - 1)) do
    redis.call('HDEL', records, id)
  end
  redis.call('ZREMRANGEBYRANK', key, 0, over - 1)
end
return 1

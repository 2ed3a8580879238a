-- Put hints into a queue, at most as many as keep it under its cap; one that waits is not doubled.
-- Wakes one idle worker by the bell, which holds a few rings and never grows.
-- ARGV: 2 queue, 3 cap, 4 now (ISO), 5 bell, 6 and 7 a job's payload before and behind its id,
--       8 number of fixed fields and values, those, then ids.
-- Answers how many were put in.
local queue, room, at, n = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[8])
local list = list_key(queue)
local waiting = redis.call('LLEN', list)
room = room - waiting
redis.call('SADD', P .. 'queues', list)
local put = 0
for i = 9 + n, #ARGV do
  if room <= 0 then break end
  local id = ARGV[i]
  local key = job_key(id)
  -- A hash that says "queued" while the list is empty is left over from a lost list.
  if waiting == 0 or redis.call('HGET', key, 'status') ~= 'queued' then
    redis.call('HSET', key, 'data', ARGV[6] .. id .. ARGV[7], 'created_at', at, 'enqueued_at', at,
      'status', 'queued', unpack(ARGV, 9, 8 + n))
    redis.call('RPUSH', list, id)
    put = put + 1
    room = room - 1
  end
end
if put > 0 then
  redis.call('LPUSH', ARGV[5], '1')
  redis.call('LTRIM', ARGV[5], 0, 15)
end
return put

-- Hints that could not be followed now go back to the front of their queues, in their order.
-- ARGV: 2 worker, then queue, id... Answers how many went back.
local worker, back = ARGV[2], 0
for i = #ARGV - 1, 3, -2 do
  local queue, id = ARGV[i], ARGV[i + 1]
  -- Out of one registry and into the list; a hint that RQ was made to forget stays forgotten.
  if redis.call('ZREM', wip_key(queue), id .. ':' .. worker) == 1 then
    redis.call('HSET', job_key(id), 'status', 'queued', 'started_at', '', 'worker_name', '')
    redis.call('LPUSH', list_key(queue), id)
    back = back + 1
  end
end
return back

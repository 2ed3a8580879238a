-- Move hints from queues into their started registries: never a moment in neither.
-- ARGV: 2 worker, 3 expiry (Unix s), 4 now (ISO), then queue, most...
-- Answers one list of ids per queue.
local worker, expiry, at = ARGV[2], ARGV[3], ARGV[4]
local answer = {}
for i = 5, #ARGV, 2 do
  local queue = ARGV[i]
  local ids = redis.call('LPOP', list_key(queue), ARGV[i + 1]) or {}
  for _, id in ipairs(ids) do
    redis.call('ZADD', wip_key(queue), expiry, id .. ':' .. worker)
    redis.call('HSET', job_key(id), 'status', 'started', 'started_at', at, 'worker_name', worker)
  end
  answer[#answer + 1] = ids
end
return answer

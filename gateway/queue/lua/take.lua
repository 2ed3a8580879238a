-- Move hints from queues into their started registries: never a moment in neither.
-- ARGV: 2 worker, 3 expiry (Unix s), 4 now (ISO), then queue of what is live, queue of what may
-- wait, most of both, how many of these are the latter's if it has any...
-- Answers {ids live, ids later, left live, left later} for each couple of queues.
local worker, expiry, at = ARGV[2], ARGV[3], ARGV[4]

local function pop(queue, most)
  if most <= 0 then return {} end
  local ids = redis.call('LPOP', list_key(queue), most) or {}
  for _, id in ipairs(ids) do
    redis.call('ZADD', wip_key(queue), expiry, id .. ':' .. worker)
    redis.call('HSET', job_key(id), 'status', 'started', 'started_at', at, 'worker_name', worker)
  end
  return ids
end

local answer = {}
for i = 5, #ARGV, 4 do
  local live, later, most, kept = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local waiting = redis.call('LLEN', list_key(later))
  local first = pop(live, most - math.min(kept, waiting))
  local second = pop(later, waiting > 0 and most - #first or 0)
  answer[#answer + 1] = {first, second, redis.call('LLEN', list_key(live)), waiting - #second}
end
return answer

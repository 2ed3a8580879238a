-- Forget hints that were followed. ARGV: 2 worker, 3 delivered, 4 failed, then queue, id...
local worker = ARGV[2]
for i = 5, #ARGV, 2 do
  redis.call('ZREM', wip_key(ARGV[i]), ARGV[i + 1] .. ':' .. worker)
  if redis.call('HGET', job_key(ARGV[i + 1]), 'status') ~= 'queued' then
    redis.call('DEL', job_key(ARGV[i + 1]))
  end
end
local key = P .. 'worker:' .. worker
if redis.call('EXISTS', key) == 1 then
  redis.call('HINCRBY', key, 'successful_job_count', ARGV[3])
  redis.call('HINCRBY', key, 'failed_job_count', ARGV[4])
end
return 1

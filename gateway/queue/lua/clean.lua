-- Forget hints that were taken and never followed: of one worker that died, or ("") those whose time
-- ran out. ARGV: 2 worker, 3 now (Unix s), 4 most per queue, then queues. Answers how many.
local worker, now, most, gone = ARGV[2], ARGV[3], tonumber(ARGV[4]), 0
for i = 5, #ARGV do
  local wip, entries = wip_key(ARGV[i]), nil
  if worker == '' then
    entries = redis.call('ZRANGEBYSCORE', wip, '-inf', now, 'LIMIT', 0, most)
  else
    entries = redis.call('ZRANGE', wip, 0, most - 1)
  end
  for _, entry in ipairs(entries) do
    local id, holder = string.match(entry, '^(.-):(.*)$')
    if id and (worker == '' or holder == worker) then
      redis.call('ZREM', wip, entry)
      local job = redis.call('HMGET', job_key(id), 'status', 'worker_name')
      if job[1] == 'started' and job[2] == holder then redis.call('DEL', job_key(id)) end
      gone = gone + 1
    end
  end
end
return gone

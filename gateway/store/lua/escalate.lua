-- Take the step of a ladder that is due, unless the lead was claimed or the step taken meanwhile.
-- ARGV: 2 uid, 3 step, 4 when the next one is due in ms ("": this was the last), 5 agent (JSON or ""),
--       then id, destination of each delivery.
-- Answers {"escalated" | "claimed" | "moved" | "gone", id of each delivery made...}.
local uid, step = ARGV[2], tonumber(ARGV[3])
local key, ladder = lead_key(uid), P .. 'ladder'
local f = redis.call('HMGET', key, 'id', 'source', 'created', 'step', 'claimed_at')
if not f[1] then
  redis.call('ZREM', ladder, uid)
  return {'gone'}
end
if f[5] then
  redis.call('ZREM', ladder, uid)
  return {'claimed'}
end
-- Who read the step after another took the one before holds the next, which is not due yet.
local now, due = now_ms(), redis.call('ZSCORE', ladder, uid)
if tonumber(f[4] or '0') ~= step or not due or tonumber(due) > now then return {'moved'} end

local stored = {uid = uid, id = f[1], source = f[2], born = f[3]}
local answer, names = {'escalated'}, {}
for i = 6, #ARGV, 2 do
  local id = make_delivery(ARGV[i], stored, ARGV[i + 1], 'escalation:' .. step, 'live', now, ARGV[5])
  if id then
    answer[#answer + 1] = id
    names[#names + 1] = id
  end
end
add_deliveries(uid, names)
redis.call('HSET', key, 'step', step + 1)
if ARGV[4] == '' then
  redis.call('ZREM', ladder, uid)
else
  redis.call('ZADD', ladder, ARGV[4], uid)
end
redis.call('HINCRBY', P .. 'counts', 'escalated:' .. f[2], 1)
count_hour('escalated', now)
event('escalated', '', uid, '', step)
return answer

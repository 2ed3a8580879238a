-- Forget one lead and everything personal that its deliveries hold, and never take it in again.
-- ARGV: 2 uid, 3 reason that the unsent deliveries get. Answers erased | already | unknown.
-- A delivery on the wire is left to its worker: its end is written down without an answer.
local uid, reason = ARGV[2], ARGV[3]
local key, rest = lead_key(uid), string.sub(uid, 5)
local mark = redis.call('HGET', seen_key(uid), rest)
local names = redis.call('HGET', key, 'deliveries')
local stored = redis.call('EXISTS', key) == 1
if not mark and not stored then return 'unknown' end
if mark == 'e' and not stored then return 'already' end

forget_lead(uid)
redis.call('HSET', seen_key(uid), rest, 'e')
for id in string.gmatch(names or '', '%S+') do
  local f = redis.call('HMGET', delivery_key(id), 'state', 'destination', 'lane')
  if f[1] then
    forget_content(id)
    if f[1] == 'pending' or f[1] == 'retrying' or f[1] == 'dead' then
      leave_waiting(id, f[2], f[3])
      discard(id, f[2], f[1], uid, reason)
    end
  end
end
event('erased', '', uid, '', reason)
return 'erased'

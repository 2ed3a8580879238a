-- Forget one lead and everything personal that its deliveries hold, and never take it in again.
-- ARGV: 2 mark and uid, 3 reason that the unsent deliveries get, 4 body of the notices (ids alone), then id,
--       destination, saved of each notice. Answers erased | already | unknown.
-- A delivery on the wire is left to its worker: its end is written down without an answer.
local uid, name = named(ARGV[2])
local reason, key = ARGV[3], lead_key(uid)
local mark = seen(uid, name)
local known = redis.call('HMGET', key, 'deliveries', 'id', 'source')
local names = known[1]
local stored = redis.call('EXISTS', key) == 1
if not mark and not stored then return 'unknown' end
if mark == 'e' and not stored then return 'already' end

forget_lead(uid)
remember(name, 'e')
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
-- Who has to be told is told by a delivery like any other: it carries a body of its own.
for i = 5, #ARGV, 3 do
  local lead = {uid = uid, id = known[2], source = known[3]}
  local id = stored and make_delivery(ARGV[i], lead, ARGV[i + 1], 'erased', 'later', now_ms())
  if id then
    redis.call('HSET', delivery_key(id), 'body', ARGV[4])
    if ARGV[i + 2] ~= '' then redis.call('HSET', delivery_key(id), 'saved', ARGV[i + 2]) end
  end
end
event('erased', '', uid, '', reason)
return 'erased'

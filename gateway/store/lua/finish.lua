-- Write down how an attempt ended and move the delivery on.
-- ARGV: 2 id, 3 worker, 4 attempt number, 5 outcome (delivered | deferred | refused | continue),
--       6 reason, 7 status, 8 duration ms, 9 answer, 10 uncertain 0|1, 11 wait ms ("" = no more tries),
--       12 remote id, 13 saved JSON, 14 health (up | down | unknown), 15 throttle ms, 16 pause 0|1,
--       17 failures that open the breaker.
-- Answers {state, what happened to the destination: "" | broken | mended | paused | closed}.
local FAILURES_AT_LAST = 3
local ABSENT = {dns = true, connection = true}
local id, worker, number = ARGV[2], ARGV[3], tonumber(ARGV[4])
local outcome, reason, health = ARGV[5], ARGV[6], ARGV[14]
local written = outcome == 'continue' and 'delivered' or outcome
local key = delivery_key(id)
local f = read(id, 'state', 'owner', 'total', 'destination', 'lead', 'made', 'lane', 'created', 'body',
  'occasion')
local state, dest, uid = f.state, f.destination, f.lead
if not state then return {'gone', ''} end

local now = now_ms()
local duration = tonumber(ARGV[8])
local mine = state == 'delivering' and f.owner == worker and tonumber(f.total) == number

-- The same end brought twice (a reply was lost on the way) is written once.
if not mine then
  for _, line in ipairs(redis.call('LRANGE', attempts_key(id), 0, -1)) do
    local before = cjson.decode(line)
    if before[1] == number and before[4] == written and before[5] == reason then return {state, ''} end
  end
end

if mine then
  redis.call('SREM', owned_key(worker), id)
  redis.call('HDEL', key, 'owner', 'begun')
end
local l = redis.call('HMGET', lead_key(uid), 'created', 'past', 'source', 'decision')
local born = l[1]
local erased = not born and not f.body
record(id, number, now - duration, duration, written, reason, ARGV[7], tonumber(ARGV[10]),
  erased and '' or ARGV[9])
count(dest, 'outcome:' .. outcome)
observe(dest, 'attempt', duration)

-- A late truth wins; any other late answer is history and nothing more.
local late = not mine and outcome == 'delivered' and state ~= 'delivered' and state ~= 'discarded'
if not mine and not late then return {'stale', ''} end
if late and state == 'delivering' then
  redis.call('SREM', owned_key(f.owner), id)
  redis.call('HDEL', key, 'owner', 'begun')
end

-- How the destination is, as far as this attempt tells.
local dk = destination_key(dest)
local d = redis.call('HMGET', dk, 'broken_at', 'fails', 'probe', 'probe_wait', 'probe_at', 'closed_until',
  'failing')
local broken, probe_at, happened = d[1], tonumber(d[5] or '0'), ''
local probe = d[3] == id .. ':' .. number
if probe then redis.call('HDEL', dk, 'probe') end
if health == 'up' and (d[1] or d[2]) then
  redis.call('HDEL', dk, 'fails', 'failing', 'broken_at', 'broken_reason', 'probe', 'probe_at', 'probe_wait',
    'probed')
  broken = false
  if d[1] then happened = 'mended' end
elseif health == 'down' and broken then
  -- Only the probe tells something new; what else was in the air when it broke does not.
  if probe then
    local wait = math.min(60000, tonumber(d[4]) * 2)
    probe_at = now + wait
    redis.call('HSET', dk, 'probe_wait', int(wait), 'probe_at', int(probe_at), 'broken_reason', reason)
  end
elseif health == 'down' then
  local fails, whose = redis.call('HINCRBY', dk, 'fails', 1), d[7] or id
  if whose ~= id then whose = 'several' end
  redis.call('HSET', dk, 'failing', whose)
  -- Nobody's last try is spent on a destination that fails whoever comes, or is not even there.
  local last = ARGV[11] == '' and fails >= FAILURES_AT_LAST and (whose == 'several' or ABSENT[reason])
  if last or fails >= tonumber(ARGV[17]) then
    broken, probe_at, happened = true, now + 2000, 'broken'
    redis.call('HSET', dk, 'broken_at', int(now), 'probe_wait', 2000, 'probe_at', int(probe_at),
      'probed', int(now), 'broken_reason', reason)
  end
elseif probe then
  -- The probe told nothing about its destination (a bad template, say): the next one may try.
  probe_at = now
  redis.call('HSET', dk, 'probe_at', int(now))
end
if ARGV[15] ~= '' then
  local closed_until = math.max(now + tonumber(ARGV[15]), tonumber(d[6] or '0'))
  redis.call('HSET', dk, 'closed_until', int(closed_until))
  if happened == '' then happened = 'closed' end
end
if ARGV[16] == '1' and redis.call('HSETNX', dk, 'paused', reason) == 1 then happened = 'paused' end

local made = tonumber(f.made) + 1
if outcome == 'delivered' then
  leave_waiting(id, dest, f.lane)
  move(id, dest, state, 'delivered', 'reason', reason, 'done', int(now), 'made', made)
  if ARGV[12] ~= '' then redis.call('HSET', key, 'remote', ARGV[12]) end
  redis.call('HDEL', key, 'due', 'saved')
  -- A notice of an erasure says nothing about how fast leads are.
  if not f.body then observe(dest, 'accepted', now - tonumber(f.created)) end
  -- Nor do steps of a ladder, and what was brought from the past.
  if born and not l[2] and f.occasion == 'new' then
    local from_portal = math.max(0, now - tonumber(born))
    observe(dest, 'portal', from_portal)
    observe_hour(from_portal, now)
    observe_speed('delivered', from_portal, now, 'destination=' .. dest)
    -- A lead has arrived when somebody has it first.
    if redis.call('HSETNX', lead_key(uid), 'delivered', int(now)) == 1 then
      observe_speed('delivered', from_portal, now, 'all', 'source=' .. l[3], theirs(l[4]))
    end
  end
  count_hour('delivered:' .. dest, now)
  event('delivered', id, uid, dest, reason)
  return {'delivered', happened}
end

-- Its lead was erased while it was on the wire: there is nothing left to try again with.
if erased then
  discard(id, dest, state, uid, 'erased')
  return {'discarded', happened}
end
if ARGV[13] ~= '' then redis.call('HSET', key, 'saved', ARGV[13]) end

if outcome == 'continue' then
  -- The next step goes on at once, in the lane it came from, ahead of what waits.
  move(id, dest, state, 'pending', 'reason', reason)
  make_ready(id, dest, f.lane, 0)
  event('step', id, uid, dest, reason)
  return {'pending', happened}
end

if outcome == 'refused' then
  redis.call('HSET', key, 'made', made)
  bury(id, dest, state, uid, reason, now)
  return {'dead', happened}
end

-- Deferred. While the destination is known to be down a try does not use up the schedule.
local wait = ARGV[11]
if broken and health == 'down' then
  wait, reason = math.max(0, probe_at - now), 'destination_down'
else
  redis.call('HSET', key, 'made', made)
end
if wait == '' then
  bury(id, dest, state, uid, reason, now)
  return {'dead', happened}
end
local due = int(now + tonumber(wait))
move(id, dest, state, 'retrying', 'reason', reason, 'lane', 'later', 'due', due)
redis.call('ZADD', due_key(dest), due, id)
event('retrying', id, uid, dest, reason)
return {'retrying', happened}

-- Write down how an attempt ended and move the delivery on.
-- ARGV: 2 id, 3 worker, 4 attempt number, 5 outcome (delivered | deferred | refused | continue),
--       6 reason, 7 status, 8 duration ms, 9 answer, 10 uncertain 0|1, 11 wait ms ("" = no more tries),
--       12 remote id, 13 saved JSON, 14 health (up | down | unknown), 15 throttle ms, 16 pause 0|1,
--       17 failures that open the breaker.
-- Answers {state, what happened to the destination: "" | broken | mended | paused | closed}.
local id, worker, number = ARGV[2], ARGV[3], tonumber(ARGV[4])
local outcome, reason = ARGV[5], ARGV[6]
local key = delivery_key(id)
local f = redis.call('HMGET', key, 'state', 'owner', 'total', 'destination', 'lead', 'made', 'lane',
  'created', 'born', 'finished')
local state, dest, uid = f[1], f[4], f[5]
if not state then return {'gone', ''} end

local now = now_ms()
local duration = tonumber(ARGV[8])
-- The same answer brought twice (a lost reply) is written once.
if f[10] and tonumber(f[10]) == number then return {state, ''} end

local mine = state == 'delivering' and f[2] == worker and tonumber(f[3]) == number
redis.call('SREM', owned_key(worker), id)
if mine then redis.call('HDEL', key, 'owner', 'begun') end

local erased = redis.call('EXISTS', lead_key(uid)) == 0
record(id, number, now - duration, duration, outcome == 'continue' and 'delivered' or outcome,
  reason, ARGV[7], tonumber(ARGV[10]), erased and '' or ARGV[9])
count(dest, 'outcome:' .. outcome)
observe(dest, 'attempt', duration)

-- A late truth wins; any other late answer is history and nothing more.
local late = not mine and outcome == 'delivered' and state ~= 'delivered' and state ~= 'discarded'
if not mine and not late then return {'stale', ''} end
if late and state == 'delivering' then redis.call('SREM', owned_key(f[2]), id) end

redis.call('HSET', key, 'finished', number, 'reason', reason)

-- How the destination is, as far as this attempt tells.
local happened = ''
local dk = destination_key(dest)
local was_broken = redis.call('HGET', dk, 'broken_at')
local broken = was_broken
if ARGV[14] == 'up' then
  redis.call('HDEL', dk, 'fails', 'broken_at', 'probe_at', 'probe_wait', 'broken_reason')
  broken = false
  if was_broken then happened = 'mended' end
elseif ARGV[14] == 'down' then
  local fails = redis.call('HINCRBY', dk, 'fails', 1)
  if was_broken then
    local wait = math.min(60000, tonumber(redis.call('HGET', dk, 'probe_wait') or '2000') * 2)
    redis.call('HSET', dk, 'probe_wait', int(wait), 'probe_at', int(now + wait), 'broken_reason', reason)
  elseif fails >= tonumber(ARGV[17]) then
    redis.call('HSET', dk, 'broken_at', int(now), 'probe_wait', 2000, 'probe_at', int(now + 2000),
      'broken_reason', reason)
    broken = true
    happened = 'broken'
  end
end
if ARGV[15] ~= '' then
  redis.call('HSET', dk, 'closed_until', int(now + tonumber(ARGV[15])))
  if happened == '' then happened = 'closed' end
end
if ARGV[16] == '1' and redis.call('HSETNX', dk, 'paused', reason) == 1 then happened = 'paused' end

if outcome == 'delivered' then
  leave_waiting(id, dest, f[7])
  redis.call('HSET', key, 'state', 'delivered', 'done', int(now), 'remote', ARGV[12], 'made', tonumber(f[6]) + 1)
  redis.call('HDEL', key, 'due', 'saved')
  observe(dest, 'accepted', now - tonumber(f[8]))
  local from_portal = math.max(0, now - tonumber(f[9]))
  observe(dest, 'portal', from_portal)
  observe_hour(from_portal, now)
  count_hour('delivered:' .. dest, now)
  event('delivered', id, uid, dest, reason)
  return {'delivered', happened}
end

-- Its lead was erased while it was on the wire: there is nothing left to try again with.
if erased then
  discard(id, dest, uid, 'erased')
  return {'discarded', happened}
end

if outcome == 'continue' then
  -- The next step goes on at once, in the lane it came from, ahead of what waits.
  redis.call('HSET', key, 'state', 'pending', 'saved', ARGV[13])
  make_ready(id, dest, f[7], 0)
  event('step', id, uid, dest, reason)
  return {'pending', happened}
end

if outcome == 'refused' then
  redis.call('HSET', key, 'state', 'dead', 'made', tonumber(f[6]) + 1)
  bury(id, dest, reason, now)
  event('dead', id, uid, dest, reason)
  hurry_ladder(uid, now)
  return {'dead', happened}
end

-- Deferred. What part of the way was made is not made again.
if ARGV[13] ~= '' then redis.call('HSET', key, 'saved', ARGV[13]) end
-- While the destination is known to be down a try does not use up the schedule.
local wait = ARGV[11]
if broken and ARGV[14] == 'down' then
  local probe_at = tonumber(redis.call('HGET', dk, 'probe_at'))
  wait = int(math.max(0, probe_at - now))
  redis.call('HSET', key, 'reason', 'destination_down')
else
  redis.call('HSET', key, 'made', tonumber(f[6]) + 1)
end
if wait == '' then
  redis.call('HSET', key, 'state', 'dead')
  bury(id, dest, reason, now)
  event('dead', id, uid, dest, reason)
  hurry_ladder(uid, now)
  return {'dead', happened}
end
local due = int(now + tonumber(wait))
redis.call('HSET', key, 'state', 'retrying', 'lane', 'later', 'due', due)
redis.call('ZADD', due_key(dest), due, id)
event('retrying', id, uid, dest, reason)
return {'retrying', happened}

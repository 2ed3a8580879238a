-- Claim deliveries of one destination for a worker: ready -> delivering.
-- ARGV: 2 worker, 3 destination, 4 where it is in the worker's configuration ("" = not said),
--       5 rate count ("" = none), 6 rate window ms, 7 timeout ms, then ids.
-- Answers {why not | "", wait ms, left live, left later, {id, attempt, made, cut, lane, occasion,
--          created ms, saved, lead body, agent, claimed by, claimed at ms, lead's creation ms}...}. "why not" is set when the rest was left where it was.
local worker, dest = ARGV[2], ARGV[3]
local now = now_ms()
local answer = {'', 0, 0, 0}
local dk, rate_key = destination_key(dest), P .. 'rate:' .. dest
local EARLY_PROBE = 5000
local WAITS_AS = {broken = 'destination_down', throttled = 'throttled'}

local function left()
  answer[3] = redis.call('ZCARD', ready_key(dest, 'live'))
  answer[4] = redis.call('ZCARD', ready_key(dest, 'later'))
  return answer
end

-- Nothing more from ids[first] on. What waits for its destination says so from now on.
local function refuse(why, wait, first)
  answer[1], answer[2] = why, math.max(0, math.ceil(wait))
  for i = first, WAITS_AS[why] and #ARGV or 0 do
    local f = read(ARGV[i], 'state', 'reason', 'lane')
    if f.lane and f.reason ~= WAITS_AS[why] and redis.call('ZSCORE', ready_key(dest, f.lane), ARGV[i]) then
      move(ARGV[i], dest, f.state, 'retrying', 'reason', WAITS_AS[why])
    end
  end
  return left()
end

local lease = redis.call('ZSCORE', P .. 'workers', worker)
if not lease or tonumber(lease) <= now then return refuse('lease', 0, 8) end
local d = redis.call('HMGET', dk, 'paused', 'place', 'closed_until', 'broken_at', 'probe_at', 'probe',
  'probed')
if d[1] then return refuse('paused', 0, 8) end
if d[2] and ARGV[4] ~= '' and d[2] ~= ARGV[4] then return refuse('moved', 0, 8) end
if d[3] and tonumber(d[3]) > now then return refuse('throttled', tonumber(d[3]) - now, 8) end
local broken, probe_at = d[4], tonumber(d[5] or '0')
-- Somebody new is waiting: the next look at a broken destination is not put off for long.
if broken and not d[6] then
  local newest = redis.call('ZRANGE', ready_key(dest, 'live'), -1, -1, 'WITHSCORES')
  local probed = tonumber(d[7] or '0')
  if newest[2] and tonumber(newest[2]) > probed then probe_at = math.min(probe_at, probed + EARLY_PROBE) end
end

for i = 8, #ARGV do
  local id = ARGV[i]
  local f = read(id, 'state', 'lane', 'total', 'made', 'cut', 'occasion', 'created', 'saved', 'lead',
    'agent', 'body')
  local lane = f.lane
  if lane and redis.call('ZSCORE', ready_key(dest, lane), id) then
    -- A notice of an erasure brings its own body: there is no lead any more.
    local l = redis.call('HMGET', lead_key(f.lead), 'body', 'claimed_by', 'claimed_at', 'created')
    local body = f.body or l[1]
    if not body then
      redis.call('ZREM', ready_key(dest, lane), id)
      discard(id, dest, f.state, f.lead, 'erased')
    else
      -- One probe at a time: whoever comes next waits until this one had its timeout.
      if broken and probe_at > now then return refuse('broken', probe_at - now, i) end
      if ARGV[5] ~= '' then
        local most, window = tonumber(ARGV[5]), tonumber(ARGV[6])
        local oldest = redis.call('LINDEX', rate_key, most - 1)
        if oldest and tonumber(oldest) + window > now then
          return refuse('rate', tonumber(oldest) + window - now, i)
        end
        redis.call('LPUSH', rate_key, int(now))
        redis.call('LTRIM', rate_key, 0, most - 1)
        redis.call('PEXPIRE', rate_key, window + 1000)
      end
      local total = tonumber(f.total) + 1
      if broken then
        probe_at = now + tonumber(ARGV[7]) + 1000
        redis.call('HSET', dk, 'probe_at', int(probe_at), 'probe', id .. ':' .. total,
          'probed', int(now))
      end
      redis.call('ZREM', ready_key(dest, lane), id)
      move(id, dest, f.state, 'delivering', 'owner', worker, 'total', total, 'begun', int(now))
      redis.call('SADD', owned_key(worker), id)
      answer[#answer + 1] = {id, total, tonumber(f.made), tonumber(f.cut or '0'), lane, f.occasion,
        f.created, f.saved or '', body, f.agent or '', l[2] or '', l[3] or '', l[4] or ''}
    end
  end
end
return left()

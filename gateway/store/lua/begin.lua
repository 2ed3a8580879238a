-- Claim deliveries of one destination for a worker: ready -> delivering.
-- ARGV: 2 worker, 3 destination, 4 rate count ("" = none), 5 rate window ms, 6 timeout ms, then ids.
-- Answers {why not | "", wait ms, left live, left later, {id, attempt, made, cut, lane, occasion,
--          created ms, saved, lead body, agent}...}. "why not" is set when the rest was left where it was.
local worker, dest = ARGV[2], ARGV[3]
local now = now_ms()
local answer = {'', 0, 0, 0}

local function left()
  answer[3] = redis.call('ZCARD', ready_key(dest, 'live'))
  answer[4] = redis.call('ZCARD', ready_key(dest, 'later'))
  return answer
end
local function refuse(why, wait)
  answer[1] = why
  answer[2] = math.max(0, math.ceil(wait))
  return left()
end

local lease = redis.call('ZSCORE', P .. 'workers', worker)
if not lease or tonumber(lease) <= now then return refuse('lease', 0) end

local d = redis.call('HMGET', destination_key(dest), 'paused', 'closed_until', 'broken_at', 'probe_at')
if d[1] then return refuse('paused', 0) end
if d[2] and tonumber(d[2]) > now then return refuse('throttled', tonumber(d[2]) - now) end
local broken = d[3]
local rate_key = P .. 'rate:' .. dest

for i = 7, #ARGV do
  local id = ARGV[i]
  local key = delivery_key(id)
  local lane = redis.call('HGET', key, 'lane')
  if lane and redis.call('ZSCORE', ready_key(dest, lane), id) then
    if broken then
      -- One probe at a time: whoever comes next waits until this one had its timeout.
      local probe_at = tonumber(redis.call('HGET', destination_key(dest), 'probe_at') or '0')
      if probe_at > now then return refuse('broken', probe_at - now) end
      redis.call('HSET', destination_key(dest), 'probe_at', int(now + tonumber(ARGV[6]) + 1000))
    end
    if ARGV[4] ~= '' then
      local most, window = tonumber(ARGV[4]), tonumber(ARGV[5])
      local oldest = redis.call('LINDEX', rate_key, most - 1)
      if oldest and tonumber(oldest) + window > now then
        return refuse('rate', tonumber(oldest) + window - now)
      end
      redis.call('LPUSH', rate_key, int(now))
      redis.call('LTRIM', rate_key, 0, most - 1)
      redis.call('PEXPIRE', rate_key, window + 1000)
    end
    local f = redis.call('HMGET', key, 'total', 'made', 'cut', 'occasion', 'created', 'saved', 'lead',
      'agent')
    local body = redis.call('HGET', lead_key(f[7]), 'body')
    redis.call('ZREM', ready_key(dest, lane), id)
    if not body then
      discard(id, dest, f[7], 'erased')
    else
      local total = tonumber(f[1]) + 1
      redis.call('HSET', key, 'state', 'delivering', 'owner', worker, 'total', total, 'begun', int(now))
      redis.call('SADD', owned_key(worker), id)
      answer[#answer + 1] = {id, total, tonumber(f[2]), tonumber(f[3] or '0'), lane, f[4], f[5],
        f[6] or '', body, f[8] or ''}
    end
  end
end
return left()

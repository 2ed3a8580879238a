-- Shared by every script. KEYS[1] is the prefix of every key; ARGV[1] shifts the clock (ms, tests).
local P = KEYS[1]

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + tonumber(ARGV[1])
end

-- Lua prints large numbers as 1.79e+12; keys and scores want all their digits.
local function int(x) return string.format('%.0f', x) end

local function lead_key(uid) return P .. 'lead:' .. uid end
local function delivery_key(id) return P .. 'delivery:' .. id end
local function attempts_key(id) return P .. 'attempts:' .. id end
local function ready_key(dest, lane) return P .. 'ready:' .. dest .. ':' .. lane end
local function due_key(dest) return P .. 'due:' .. dest end
local function dead_key(dest) return P .. 'dead:' .. dest end
local function reasons_key(dest) return P .. 'dead_reasons:' .. dest end
local function list_key(dest) return P .. 'deliveries:' .. dest end
local function destination_key(dest) return P .. 'destination:' .. dest end
local function owned_key(worker) return P .. 'owned:' .. worker end
local function counts_key(dest) return P .. 'counts:' .. dest end
local function states_key(dest) return P .. 'states:' .. dest end

-- Hex digits as the bytes they stand for: half as many.
local function packed(digits)
  return (string.gsub(digits, '%x%x', function(pair) return string.char(tonumber(pair, 16)) end))
end
local function unpacked(bytes)
  return (string.gsub(bytes, '.', function(c) return string.format('%02x', string.byte(c)) end))
end

-- A lead's name, and before it the keyed hash under which it is remembered for good, of 32 digits
-- (gateway/store/seen.py).
local function named(text) return string.sub(text, 33), string.sub(text, 1, 32) end
local function mark_place(mark)
  return P .. 'mark:' .. string.sub(mark, 1, 4), packed(string.sub(mark, 5))
end
local function remember(mark, what)
  local key, field = mark_place(mark)
  redis.call('HSET', key, field, what)
end
-- What is remembered of a lead: a (accepted), f (below the floor), e (erased), or false. Formats 1
-- and 2 kept it under the lead's name.
local function seen(uid, mark)
  local key, field = mark_place(mark)
  local found = redis.call('HGET', key, field)
  if found then return found end
  local old, rest = P .. 'seen:' .. string.sub(uid, 1, 4), string.sub(uid, 5)
  found = redis.call('HGET', old, rest)
  if found then
    redis.call('HSET', key, field, found)
    redis.call('HDEL', old, rest)
  end
  return found
end

-- By what a lead's person is found: keyed hashes of 8 bytes, one after the other, spread by their
-- first 12 bits over 4,096 sorted sets so that nearly all stay in the compact form. A member is the
-- other 7 bytes and the lead's uid. gateway/store/index.py reads them.
local function each_term(uid, terms, call)
  local name = packed(uid)
  for i = 1, #terms, 8 do
    local first, second = string.byte(terms, i, i + 1)
    local bucket = string.format('%03x', first * 16 + math.floor(second / 16))
    call(P .. 'find:' .. bucket, string.sub(terms, i + 1, i + 7) .. name)
  end
end
local function list_under(uid, terms)
  each_term(uid, terms, function(key, member) redis.call('ZADD', key, 0, member) end)
end
-- Format 1 kept hashes and members as hex digits, under "terms".
local function strike_out(uid, terms, digits)
  each_term(uid, terms or '', function(key, member) redis.call('ZREM', key, member) end)
  for term in string.gmatch(digits or '', '%x+') do
    redis.call('ZREM', P .. 'find:' .. string.sub(term, 1, 3), string.sub(term, 4) .. uid)
  end
end

local EVENTS_KEPT = 10000

local function event(kind, id, uid, dest, detail)
  redis.call('XADD', P .. 'events', 'MAXLEN', '~', EVENTS_KEPT, '*',
    'type', kind, 'delivery', id, 'lead', uid, 'destination', dest, 'detail', detail)
end

-- An attempt is one JSON array, append-only:
-- [number, at ms, duration ms, outcome, reason, status or "", uncertain 0|1, answer]
-- A delivery that waits out a long outage as its destination's probe keeps its latest ones only.
local ATTEMPTS_KEPT = 200

local function record(id, number, at, duration, outcome, reason, status, uncertain, answer)
  local length = redis.call('RPUSH', attempts_key(id), cjson.encode({
    number, int(at), duration, outcome, reason, status, uncertain, answer }))
  if length > ATTEMPTS_KEPT then redis.call('LTRIM', attempts_key(id), -ATTEMPTS_KEPT, -1) end
end

-- The only way a delivery changes its state. What is unfinished is counted per destination and
-- state, so that nobody has to walk through deliveries to know.
local COUNTED = {pending = true, delivering = true, retrying = true, dead = true}

local function move(id, dest, from, to, ...)
  redis.call('HSET', delivery_key(id), 'state', to, ...)
  if from ~= to then
    if COUNTED[from] then redis.call('HINCRBY', states_key(dest), from, -1) end
    if COUNTED[to] then redis.call('HINCRBY', states_key(dest), to, 1) end
  end
end

-- A portal may write any text there: what is counted must not grow with what it writes.
local CATEGORIES = {CLASSIFIED = 1, AGENCY = 1, ESTIMATION = 1, PROJECT = 1, PROPERTY_SEARCH = 1,
  CALL_TRACKING = 1}

local function counted_category(text) return CATEGORIES[text] and text or 'other' end

local function count(dest, name) redis.call('HINCRBY', counts_key(dest), name, 1) end

-- Put a delivery where workers look, in its lane, behind what already waits there.
local function make_ready(id, dest, lane, score)
  redis.call('ZADD', ready_key(dest, lane), score, id)
end

-- Dead letters are counted by why they died: whoever groups them need not walk them.
local function unbury(id, dest)
  if redis.call('ZREM', dead_key(dest), id) == 0 then return end
  local why = redis.call('HGET', delivery_key(id), 'died')
  if why and redis.call('HINCRBY', reasons_key(dest), why, -1) <= 0 then
    redis.call('HDEL', reasons_key(dest), why)
  end
  redis.call('HDEL', delivery_key(id), 'died')
end

-- Take a delivery out of every place where something waits for its turn.
local function leave_waiting(id, dest, lane)
  redis.call('ZREM', ready_key(dest, lane), id)
  redis.call('ZREM', due_key(dest), id)
  unbury(id, dest)
end

-- Give a delivery up for good; it stands in no place where anything waits any more.
local function discard(id, dest, from, uid, reason)
  move(id, dest, from, 'discarded', 'reason', reason)
  redis.call('HDEL', delivery_key(id), 'due', 'saved')
  event('discarded', id, uid, dest, reason)
end

-- A lead nobody could be told of counts as unclaimed at once: its ladder's next step is due.
local function hurry_ladder(uid, now)
  if not redis.call('ZSCORE', P .. 'ladder', uid) then return end
  for id in string.gmatch(redis.call('HGET', lead_key(uid), 'deliveries') or '', '%S+') do
    local state = redis.call('HGET', delivery_key(id), 'state')
    if state and state ~= 'dead' and state ~= 'discarded' then return end
  end
  redis.call('ZADD', P .. 'ladder', int(now), uid)
end

-- No more tries: it stays where an operator finds it.
local function bury(id, dest, from, uid, reason, now)
  move(id, dest, from, 'dead', 'reason', reason, 'died', reason)
  redis.call('ZADD', dead_key(dest), int(now), id)
  redis.call('HINCRBY', reasons_key(dest), reason, 1)
  event('dead', id, uid, dest, reason)
  hurry_ladder(uid, now)
end

-- What a receiver answered and what a step saved may quote the lead. The attempts themselves stay.
local function forget_content(id)
  redis.call('HDEL', delivery_key(id), 'saved')
  local kept = redis.call('LRANGE', attempts_key(id), 0, -1)
  for i, line in ipairs(kept) do
    local attempt = cjson.decode(line)
    if attempt[8] ~= '' then
      attempt[8] = ''
      redis.call('LSET', attempts_key(id), i - 1, cjson.encode(attempt))
    end
  end
end

-- A worker died or stopped in the middle of an attempt: nobody saw its end, so it does not use up
-- the schedule, and too many of them end the delivery. Answers ready | dead | discarded.
local function interrupt(id, f, now, most)
  local cut = tonumber(f.cut or '0') + 1
  local begun = tonumber(f.begun)
  record(id, tonumber(f.total), begun, math.max(0, now - begun), 'interrupted', 'interrupted', '', 1, '')
  count(f.destination, 'outcome:interrupted')
  redis.call('HDEL', delivery_key(id), 'owner', 'begun')
  local notice = redis.call('HEXISTS', delivery_key(id), 'body') == 1
  if not notice and redis.call('EXISTS', lead_key(f.lead)) == 0 then
    discard(id, f.destination, 'delivering', f.lead, 'erased')
    return 'discarded'
  end
  redis.call('HSET', delivery_key(id), 'cut', cut)
  if cut >= most then
    bury(id, f.destination, 'delivering', f.lead, 'interrupted', now)
    return 'dead'
  end
  move(id, f.destination, 'delivering', 'retrying', 'reason', 'interrupted')
  make_ready(id, f.destination, f.lane, f.created)
  return 'ready'
end

-- Fields of a delivery by name.
local function read(id, ...)
  local values, f = redis.call('HMGET', delivery_key(id), ...), {}
  for i, name in ipairs({...}) do f[name] = values[i] or nil end
  return f
end

-- A lead that its agent need not look after any more: what is open is what least_loaded goes by.
-- Answers the agency that it belongs to.
local function put_down(uid, decision)
  local found = decision and cjson.decode(decision)
  if found and type(found.agent) == 'string' then
    redis.call('ZREM', P .. 'load:' .. (found.agency or '') .. ':' .. found.agent, uid)
  end
  return found and found.agency or ''
end

-- Take a lead out of everything that leads to it. What is gone still stands in the append-only file
-- until that is rewritten: since when, the sweeper reads here.
local function forget_lead(uid)
  local known = redis.call('HMGET', lead_key(uid), 'find', 'terms', 'decision')
  strike_out(uid, known[1], known[2])
  put_down(uid, known[3])
  redis.call('DEL', lead_key(uid))
  redis.call('ZREM', P .. 'leads', uid)
  redis.call('ZREM', P .. 'unrouted', uid)
  redis.call('ZREM', P .. 'expiring', uid)
  redis.call('ZREM', P .. 'ladder', uid)
  redis.call('ZREM', P .. 'unclaimed', uid)
  redis.call('HSETNX', P .. 'meta', 'rewrite_wanted', int(now_ms()))
end

-- Histogram bounds in seconds; gateway/store/counts.py has the same list.
local BOUNDS = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10, 30, 60, 300,
  900, 3600}

local function bucket_of(ms)
  local seconds = ms / 1000
  for i = 1, #BOUNDS do
    if seconds <= BOUNDS[i] then return i end
  end
  return #BOUNDS + 1
end

local function observe(dest, name, ms)
  local bucket = bucket_of(ms)
  redis.call('HINCRBY', counts_key(dest), name .. ':' .. bucket, 1)
  redis.call('HINCRBY', counts_key(dest), name .. ':sum', int(ms))
end

-- One more within this hour. A ring of two days per name, so that nothing needs sweeping.
local HOURS_KEPT = 48

local function count_hour(name, now)
  local hour, key = math.floor(now / 3600000), P .. 'hours:' .. name
  local slot = hour % HOURS_KEPT
  if redis.call('HGET', key, 'hour:' .. slot) == int(hour) then
    redis.call('HINCRBY', key, 'count:' .. slot, 1)
  else
    redis.call('HSET', key, 'hour:' .. slot, int(hour), 'count:' .. slot, 1)
  end
end

-- How long leads took from the portal, within this hour: the same ring, a histogram in each slot.
local function observe_hour(ms, now)
  local hour, key = math.floor(now / 3600000), P .. 'hours:speed'
  local slot = hour % HOURS_KEPT
  if redis.call('HGET', key, 'hour:' .. slot) ~= int(hour) then
    for i = 1, #BOUNDS + 1 do redis.call('HDEL', key, slot .. ':' .. i) end
    redis.call('HSET', key, 'hour:' .. slot, int(hour))
  end
  redis.call('HINCRBY', key, slot .. ':' .. bucket_of(ms), 1)
end

-- How fast a lead got somewhere, counted within this hour: from its creation to ``stage`` (received |
-- delivered | claimed), under each name: ``all``, its source, a destination, an agent (agent=NAME, agent=AGENCY/NAME). One hash per hour, that
-- goes by itself after two days and holds at most what was counted in it. The buckets grow by an
-- eighth of an octave each: gateway/store/speed.py reads them.
local SPEED_KEPT = 2 * 86400000

local function bucket_of_speed(ms)
  if ms < 1 then return 0 end
  return math.min(256, math.floor(8 * math.log(ms) / math.log(2)) + 1)
end

local function observe_speed(stage, ms, now, ...)
  local key, bucket = P .. 'speed:' .. int(math.floor(now / 3600000)), bucket_of_speed(ms)
  local first = false
  for _, whose in ipairs({...}) do
    first = redis.call('HINCRBY', key, stage .. '|' .. bucket .. '|' .. whose, 1) == 1 or first
  end
  if first then redis.call('PEXPIRE', key, SPEED_KEPT) end
end

local function agent_of(agency, name)
  return 'agent=' .. (agency ~= '' and agency .. '/' or '') .. name
end

-- Whose a lead is by the decision kept with it, or nothing.
local function theirs(decision)
  local found = decision and cjson.decode(decision)
  if found and type(found.agent) == 'string' then return agent_of(found.agency or '', found.agent) end
end

-- A new delivery, in its lane; nil when there is one of this name. ``agent`` (JSON) is set where it is
-- for another than the lead's own.
local function make_delivery(id, lead, dest, occasion, lane, now, agent)
  local key = delivery_key(id)
  if redis.call('EXISTS', key) == 1 then return nil end
  redis.call('HSET', key, 'lead', lead.uid, 'lead_id', lead.id, 'source', lead.source,
    'destination', dest, 'occasion', occasion, 'lane', lane, 'made', 0, 'total', 0,
    'created', int(now))
  move(id, dest, '', 'pending')
  if agent and agent ~= '' then redis.call('HSET', key, 'agent', agent) end
  redis.call('ZADD', list_key(dest), int(now), id)
  redis.call('SADD', P .. 'destinations', dest)
  make_ready(id, dest, lane, int(now))
  return id
end

-- Deliveries added to a lead that is stored; the names of those made.
local function add_deliveries(uid, names)
  if #names == 0 then return end
  local had = redis.call('HGET', lead_key(uid), 'deliveries')
  redis.call('HSET', lead_key(uid), 'deliveries', (had and had .. ' ' or '') .. table.concat(names, ' '))
end

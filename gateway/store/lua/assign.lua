-- Settle whose a lead is, once, and note that its person wrote. Called before the lead is accepted.
-- ARGV: 2 mark and uid, 3 agency, 4 method (round_robin | least_loaded | none), 5 why, 6 ms that a person is
--       remembered (0: every lead finds its agent anew), 7 number of marks, 8 number away, 9 an agent
--       that a lead not accepted yet was given though there is none of this name any more, or "",
--       then the person's marks, who is away, who may have it (in their own order).
-- Answers {agent or "", why (or kept | returning), leads of this person within a day, first seen ms}.
local uid, name = named(ARGV[2])
local agency, method, why = ARGV[3], ARGV[4], ARGV[5]
local remembered, marks, away = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local now = now_ms()
local DAY, MOST = 86400000, 50

-- A lead that is erased, or that retention took, brings its person back no more.
local mark = seen(uid, name)
if mark == 'e' or (mark == 'a' and redis.call('EXISTS', lead_key(uid)) == 0) then
  return {'', 'nobody', 0, int(now)}
end

-- What was decided is never decided again: not for a re-read, not after a crash before accepting.
local settled = redis.call('GET', P .. 'assigned:' .. uid)
if settled and settled ~= '' and settled == ARGV[9] then settled = false end
local decision = not settled and redis.call('HGET', lead_key(uid), 'decision')
local kept = settled or (decision and cjson.decode(decision).agent)
if kept == cjson.null then kept = '' end
local known = settled or decision

-- A person is packed: how long before the first lead below they first wrote, how many leads follow,
-- of each the uid's beginning and its time, then AGENCY/AGENT that looks after them. Format 1 kept JSON.
local function six_bytes(n) return packed(string.format('%012x', n)) end
local function number_at(raw, i) return tonumber(unpacked(string.sub(raw, i, i + 5)), 16) end

local function person_of(raw)
  if string.sub(raw, 1, 1) == '{' then return cjson.decode(raw) end
  local many, list = string.byte(raw, 7), {}
  for i = 8, 12 * many, 12 do
    list[#list + 1] = {unpacked(string.sub(raw, i, i + 5)), number_at(raw, i + 6)}
  end
  local whose = string.sub(raw, 8 + 12 * many)
  local theirs_by, agent = string.match(whose, '^([^/]*)/(.*)$')
  return {f = list[1][2] - number_at(raw, 1), a = agent, g = theirs_by, l = list}
end

local function packed_person(person)
  local cells = {six_bytes(math.max(0, person.l[1][2] - person.f)), string.char(#person.l)}
  for _, pair in ipairs(person.l) do
    cells[#cells + 1] = packed(pair[1]) .. six_bytes(pair[2])
  end
  return table.concat(cells) .. (person.a and (person.g or '') .. '/' .. person.a or '')
end

local gone = {}
for i = 10 + marks, 9 + marks + away do gone[ARGV[i]] = true end
gone[ARGV[9]] = true

local people, leads, first, before, latest = {}, {}, now, '', 0
for i = 10, 9 + marks do
  local key = P .. 'person:' .. ARGV[i]
  local raw = redis.call('GET', key)
  local person = raw and person_of(raw) or {f = now, l = {}}
  people[key] = person
  first = math.min(first, person.f)
  for _, pair in ipairs(person.l) do
    if pair[2] > now - DAY then leads[pair[1]] = true end
    -- Of several marks the one that wrote last knows best who looks after them.
    -- Two agencies may share an account at the portal, but no agents.
    if person.a and (person.g or agency) == agency and pair[2] >= latest and pair[1] ~= string.sub(uid, 1, 12) then before, latest = person.a, pair[2] end
  end
end

local agent = kept or ''
if known then
  why = 'kept'
elseif remembered > 0 and before ~= '' and not gone[before] and method ~= 'none' then
  agent, why = before, 'returning'
elseif #ARGV > 9 + marks + away then
  -- The one whose turn is longest ago; of those who never had one, the first.
  local best, turns = nil, P .. 'turns:' .. agency
  for i = 10 + marks + away, #ARGV do
    local load = 0
    if method == 'least_loaded' then
      local key = P .. 'load:' .. agency .. ':' .. ARGV[i]
      redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now - DAY))
      load = redis.call('ZCARD', key)
    end
    local turn = tonumber(redis.call('ZSCORE', turns, ARGV[i]) or '0')
    if not best or load < best[2] or (load == best[2] and turn < best[3]) then
      best = {ARGV[i], load, turn}
    end
  end
  agent = best[1]
end

if not known and agent ~= '' then
  if why ~= 'returning' then
    local turn = redis.call('INCR', P .. 'turn:' .. agency)
    redis.call('ZADD', P .. 'turns:' .. agency, turn, agent)
  end
  local load = P .. 'load:' .. agency .. ':' .. agent
  redis.call('ZADD', load, int(now), uid)
  redis.call('PEXPIRE', load, DAY)
end
if not known then redis.call('SET', P .. 'assigned:' .. uid, agent, 'PX', DAY) end

leads[string.sub(uid, 1, 12)] = true
local count = 0
for _ in pairs(leads) do count = count + 1 end
for key, person in pairs(people) do
  local list, mine = {}, {string.sub(uid, 1, 12), now}
  for _, pair in ipairs(person.l) do
    if pair[1] == mine[1] then mine = pair else list[#list + 1] = pair end
  end
  list[#list + 1] = mine
  while #list > MOST do table.remove(list, 1) end
  person.l = list
  if agent ~= '' then person.a, person.g = agent, agency end
  redis.call('SET', key, packed_person(person), 'PX', math.max(remembered, DAY))
end
return {agent, why, count, int(first)}

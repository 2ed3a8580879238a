-- Give a lead to whoever says first that they take it. Whatever still waits to escalate is called off.
-- ARGV: 2 uid, 3 agent, 4 by what way, 5 ms that a claim is on time (""), 6 agent (JSON or ""),
--       then id, destination of each delivery that tells others.
-- Answers {"claimed" | "taken" | "gone", agent, when in ms, ms from creation, id made...}.
local uid, agent = ARGV[2], ARGV[3]
local key = lead_key(uid)
local f = redis.call('HMGET', key, 'id', 'source', 'created', 'received', 'claimed_by', 'claimed_at',
  'deliveries', 'decision', 'past')
if not f[1] then return {'gone', '', '0', '0'} end
if f[6] then return {'taken', f[5], f[6], int(tonumber(f[6]) - tonumber(f[3]))} end

local now = now_ms()
redis.call('HSET', key, 'claimed_by', agent, 'claimed_at', int(now), 'claimed_via', ARGV[4])
redis.call('ZREM', P .. 'ladder', uid)
local waited = redis.call('ZREM', P .. 'unclaimed', uid) == 1
local agency = put_down(uid, f[8])
for id in string.gmatch(f[7] or '', '%S+') do
  local d = redis.call('HMGET', delivery_key(id), 'state', 'destination', 'lane', 'occasion', 'agent')
  local step = string.match(d[4] or '', '^escalation:(%d+)$')
  if step and d[5] then
    local load = P .. 'load:' .. agency .. ':' .. tostring(cjson.decode(d[5]).name)
    redis.call('ZREM', load, uid .. ':' .. step)
  end
  local waits = d[1] == 'pending' or d[1] == 'retrying'
  if waits and string.sub(d[4], 1, 11) == 'escalation:' then
    leave_waiting(id, d[2], d[3])
    discard(id, d[2], d[1], uid, 'discarded')
  end
end
local stored = {uid = uid, id = f[1], source = f[2], born = f[3]}
local took = math.max(0, now - tonumber(f[3]))
local answer, names = {'claimed', agent, int(now), int(took)}, {}
for i = 7, #ARGV, 2 do
  local id = make_delivery(ARGV[i], stored, ARGV[i + 1], 'claimed', 'live', now, ARGV[6])
  if id then
    answer[#answer + 1] = id
    names[#names + 1] = id
  end
end
add_deliveries(uid, names)
redis.call('HINCRBY', P .. 'counts', 'claimed:' .. f[2], 1)
count_hour('claimed', now)
-- Counted where the lead was: what share of an hour's leads was claimed in time.
local received = tonumber(f[4])
if waited and ARGV[5] ~= '' and now - received <= tonumber(ARGV[5]) and now - received < (HOURS_KEPT - 1) * 3600000 then
  count_hour('claimed_in_time', received)
end
if not f[9] then observe_speed('claimed', took, now, 'all', 'source=' .. f[2], agent_of(agency, agent)) end
observe('agent:' .. agent, 'claim', took)
observe('source:' .. f[2], 'claim', took)
event('claimed', '', uid, '', ARGV[4])
return answer

-- Store one lead with its deliveries, or find that it is known. Atomic: both or neither.
-- ARGV: 2 mark and uid, 3 lead id, 4 source, 5 identity, 6 category, 7 created ms, 8 digest, 9 body,
--       10 mode (live | later | floor | store), 11 decision (JSON or ""), 12 when the first step of its
--       ladder is due, in ms ("-": nobody is told when it is not claimed, "": it is not to be
--       claimed), 13 expires ms or "", 14 hashes to find it by, 15 until when it is to be claimed, in
--       ms, then id, destination, occasion of each delivery.
-- Answers {what, delivery id...}: what is new | added | known | changed | floor | erased.
local uid, name = named(ARGV[2])
local source, mode = ARGV[4], ARGV[10]
local mark = seen(uid, name)

if mark == 'e' then return {'erased'} end
if mode == 'floor' then
  if not mark then
    remember(name, 'f')
    return {'floor'}
  end
  return {mark == 'f' and 'floor' or 'known'}
end
-- Only somebody who asked for old leads brings back one that was below the floor.
if mark == 'f' and mode == 'live' then return {'floor'} end

local now = now_ms()
local lead = lead_key(uid)
local what = 'new'

if mark == 'a' then
  local known = redis.call('HMGET', lead, 'sources', 'digest')
  redis.call('HINCRBY', P .. 'counts', 'duplicate:' .. source, 1)
  if not known[1] then return {'known'} end       -- retention took it; the mark outlives it
  local seen_by = ' ' .. known[1] .. ' '
  if string.find(seen_by, ' ' .. source .. ' ', 1, true) then
    return {known[2] == ARGV[8] and 'known' or 'changed'}
  end
  redis.call('HSET', lead, 'sources', known[1] .. ' ' .. source)
  what = 'added'
else
  remember(name, 'a')
  redis.call('HSET', lead, 'id', ARGV[3], 'source', source, 'sources', source,
    'created', ARGV[7], 'received', int(now), 'digest', ARGV[8], 'body', ARGV[9], 'find', ARGV[14],
    'category', counted_category(ARGV[6]))  -- what a list is filtered by, without opening the body
  list_under(uid, ARGV[14])
  if ARGV[11] ~= '' then redis.call('HSET', lead, 'decision', ARGV[11]) end
  redis.call('DEL', P .. 'assigned:' .. uid)
  redis.call('ZADD', P .. 'leads', int(now), uid)
  -- A lead that comes after its time is a portal's slip: it is delivered like any other.
  if ARGV[13] ~= '' and tonumber(ARGV[13]) > now then
    redis.call('ZADD', P .. 'expiring', ARGV[13], uid)
  end
  redis.call('SADD', P .. 'identities', ARGV[5])
  redis.call('HINCRBY', P .. 'counts', 'received:' .. source .. ':' .. counted_category(ARGV[6]), 1)
  count_hour('received', now)
  if mode == 'live' then
    local from_portal = math.max(0, now - tonumber(ARGV[7]))
    observe_speed('received', from_portal, now, 'all', 'source=' .. source, theirs(ARGV[11] ~= '' and ARGV[11]))
  else
    -- Brought from the past: how long it took says nothing about how fast leads are.
    redis.call('HSET', lead, 'past', 1)
  end
end

local lane = mode == 'live' and 'live' or 'later'
local answer = {what}
local names = {}
local stored = {uid = uid, id = ARGV[3], source = source, born = ARGV[7]}
for i = 16, #ARGV, 3 do
  local id = make_delivery(ARGV[i], stored, ARGV[i + 1], ARGV[i + 2], lane, now)
  if id then
    answer[#answer + 1] = id
    names[#names + 1] = id
  end
end
add_deliveries(uid, names)
-- A lead that goes to somebody waits for them to claim it.
if what == 'new' and ARGV[12] ~= '' and #names > 0 then
  redis.call('ZADD', P .. 'unclaimed', ARGV[15], uid)
  count_hour('to_claim', now)
  if ARGV[12] ~= '-' then
    redis.call('HSET', lead, 'step', 1)
    redis.call('ZADD', P .. 'ladder', ARGV[12], uid)
  end
end
if what == 'new' and #ARGV < 16 and mode ~= 'store' then
  redis.call('ZADD', P .. 'unrouted', int(now), uid)
end
event('lead', '', uid, '', what)
return answer

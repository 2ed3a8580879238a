-- Add the deliveries a stored lead lacks. ARGV: 2 uid, 3 lane, 4 decision (JSON, "": leave it), then
-- id, destination, occasion of each. Answers {"added" | "gone", id of each that was made...}.
local uid, lane = ARGV[2], ARGV[3]
local f = redis.call('HMGET', lead_key(uid), 'id', 'source', 'created')
if not f[1] then return {'gone'} end
local now = now_ms()
local stored = {uid = uid, id = f[1], source = f[2], born = f[3]}
local answer, names = {'added'}, {}
for i = 5, #ARGV, 3 do
  local id = make_delivery(ARGV[i], stored, ARGV[i + 1], ARGV[i + 2], lane, now)
  if id then
    answer[#answer + 1] = id
    names[#names + 1] = id
  end
end
add_deliveries(uid, names)
if #names > 0 then
  redis.call('ZREM', P .. 'unrouted', uid)
  if ARGV[4] ~= '' then redis.call('HSET', lead_key(uid), 'decision', ARGV[4]) end
  event('routed', '', uid, '', lane)
end
return answer

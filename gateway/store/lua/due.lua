-- Move deliveries whose wait is over to the ready set. ARGV: 2 destination, 3 limit.
-- Answers {ms until the next one is due or -1, id...}.
local dest, limit = ARGV[2], tonumber(ARGV[3])
local now = now_ms()
local ids = redis.call('ZRANGEBYSCORE', due_key(dest), '-inf', int(now), 'LIMIT', 0, limit)
local answer = {-1}
for _, id in ipairs(ids) do
  redis.call('ZREM', due_key(dest), id)
  redis.call('HDEL', delivery_key(id), 'due')
  make_ready(id, dest, 'later', int(now))
  answer[#answer + 1] = id
end
local nxt = redis.call('ZRANGE', due_key(dest), 0, 0, 'WITHSCORES')
if nxt[2] then answer[1] = math.max(0, math.ceil(tonumber(nxt[2]) - now)) end
return answer

-- Move feeds' checkpoints forward, never back, and only for the holder of the source's lease.
-- ARGV: 2 source, 3 fencing token, then feed, checkpoint ms of each. Answers moved | fenced.
local token = redis.call('HGET', P .. 'lease:source:' .. ARGV[2], 'token')
if (token or '0') ~= ARGV[3] then return 'fenced' end
local key = P .. 'source:' .. ARGV[2]
for i = 4, #ARGV, 2 do
  local field = 'checkpoint:' .. ARGV[i]
  local at = tonumber(redis.call('HGET', key, field) or '0')
  if tonumber(ARGV[i + 1]) > at then redis.call('HSET', key, field, ARGV[i + 1]) end
end
-- A long way back to the present is a success at each step.
if #ARGV > 3 then redis.call('HSET', key, 'success', int(now_ms())) end
return 'moved'

-- Replace sealed values by the same under another key, each only if nobody wrote it meanwhile.
-- ARGV: 2 key without its prefix, then field (of a hash) or index (of a list), value before, value
-- after, of each. Answers how many were replaced.
local key = P .. ARGV[2]
local is_list = redis.call('TYPE', key).ok == 'list'
local done = 0
for i = 3, #ARGV, 3 do
  local get, set = 'HGET', 'HSET'
  if is_list then get, set = 'LINDEX', 'LSET' end
  if redis.call(get, key, ARGV[i]) == ARGV[i + 1] then
    redis.call(set, key, ARGV[i], ARGV[i + 2])
    done = done + 1
  end
end
return done

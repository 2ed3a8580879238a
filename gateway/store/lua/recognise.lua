-- Note where a destination is in the configuration of a process that starts. What waits for it was
-- meant for the place it had before: if that is another, nothing goes there until it is resumed.
-- ARGV: 2 destination, 3 place. Answers "" or the place before, when it is paused for that.
local dest, place = ARGV[2], ARGV[3]
local dk = destination_key(dest)
local before = redis.call('HGET', dk, 'place')
if before == place then return '' end
redis.call('HSET', dk, 'place', place)
if not before then return '' end
for _, waits in ipairs(redis.call('HMGET', states_key(dest), 'pending', 'retrying', 'delivering')) do
  if tonumber(waits or '0') > 0 then
    if redis.call('HSETNX', dk, 'paused', 'moved') == 1 then
      redis.call('HSET', dk, 'moved_from', before)
    end
    return before
  end
end
return ''

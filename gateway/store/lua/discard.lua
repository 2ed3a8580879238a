-- Give up a delivery that has not been made. ARGV: 2 id, 3 reason. Answers "discarded" or why not.
local id = ARGV[2]
local key = delivery_key(id)
local f = redis.call('HMGET', key, 'state', 'destination', 'lane', 'lead')
local state, dest = f[1], f[2]
if not state then return 'gone' end
if state == 'delivered' or state == 'delivering' then return state end
redis.call('ZREM', ready_key(dest, f[3]), id)
redis.call('ZREM', due_key(dest), id)
redis.call('ZREM', dead_key(dest), id)
redis.call('HSET', key, 'state', 'discarded', 'reason', ARGV[3])
redis.call('HDEL', key, 'due', 'saved')
event('discarded', id, f[4], dest, ARGV[3])
return 'discarded'

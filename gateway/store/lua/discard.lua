-- Give up a delivery that has not been made. ARGV: 2 id, 3 reason. Answers "discarded" or why not.
local id = ARGV[2]
local key = delivery_key(id)
local f = redis.call('HMGET', key, 'state', 'destination', 'lane', 'lead')
local state, dest = f[1], f[2]
if not state then return 'gone' end
if state == 'delivered' or state == 'delivering' or state == 'discarded' then return state end
leave_waiting(id, dest, f[3])
discard(id, dest, f[4], ARGV[3])
return 'discarded'

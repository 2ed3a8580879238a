-- Try again now, on an operator's word. ARGV: 2 id, 3 force 0|1 (repeat a delivered one).
-- Answers {"replayed" | why not, destination}.
local id, force = ARGV[2], ARGV[3] == '1'
local key = delivery_key(id)
local f = redis.call('HMGET', key, 'state', 'destination', 'lane', 'lead')
local state, dest = f[1], f[2]
if not state then return {'gone', ''} end
if state == 'discarded' then return {'discarded', dest} end
if state == 'delivering' then return {'delivering', dest} end
if state == 'delivered' and not force then return {'delivered', dest} end
if redis.call('EXISTS', lead_key(f[4])) == 0 then return {'erased', dest} end
leave_waiting(id, dest, f[3])
redis.call('HSET', key, 'state', 'pending', 'lane', 'later', 'made', 0, 'cut', 0)
redis.call('HDEL', key, 'due', 'done')
make_ready(id, dest, 'later', int(now_ms()))
event('replayed', id, f[4], dest, state)
return {'replayed', dest}

-- Try again now, on an operator's word, on a new schedule. ARGV: 2 id, 3 force 0|1 (repeat a
-- delivered one). Answers {"replayed" | why not, destination, lane}.
local id, force = ARGV[2], ARGV[3] == '1'
local f = read(id, 'state', 'destination', 'lane', 'lead', 'body')
local state, dest, lane = f.state, f.destination, f.lane
if not state then return {'gone', '', ''} end
if state == 'discarded' or state == 'delivering' then return {state, dest, lane} end
if state == 'delivered' and not force then return {'delivered', dest, lane} end
if not f.body and redis.call('EXISTS', lead_key(f.lead)) == 0 then return {'erased', dest, lane} end

-- What is ready already keeps its place: it goes as soon as its destination takes it.
if not redis.call('ZSCORE', ready_key(dest, lane), id) then
  leave_waiting(id, dest, lane)
  lane = 'later'
  make_ready(id, dest, lane, int(now_ms()))
end
move(id, dest, state, 'pending', 'lane', lane, 'made', 0)
redis.call('HDEL', delivery_key(id), 'due', 'done', 'cut', 'reason')
event('replayed', id, f.lead, dest, state)
return {'replayed', dest, lane}

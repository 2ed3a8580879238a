-- Return deliveries that were begun and not finished (a worker stops, or lost track of them).
-- ARGV: 2 worker, 3 sent 0|1 (1: something may have gone out), 4 interruptions that end a delivery,
--       then ids. Answers {id, destination, lane} of what is ready again.
local worker, sent, most = ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local now = now_ms()
local back = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local f = read(id, 'state', 'owner', 'total', 'destination', 'lane', 'created', 'lead', 'begun', 'cut',
    'body')
  redis.call('SREM', owned_key(worker), id)
  if f.state == 'delivering' and f.owner == worker then
    local became = 'ready'
    if sent then
      became = interrupt(id, f, now, most)
    elseif not f.body and redis.call('EXISTS', lead_key(f.lead)) == 0 then
      became = 'discarded'
      redis.call('HDEL', delivery_key(id), 'owner', 'begun')
      discard(id, f.destination, 'delivering', f.lead, 'erased')
    else
      -- As if it had never been begun, but for the number: no two attempts ever share one.
      redis.call('HDEL', delivery_key(id), 'owner', 'begun')
      local tried = redis.call('EXISTS', attempts_key(id)) == 1
      move(id, f.destination, 'delivering', tried and 'retrying' or 'pending')
      make_ready(id, f.destination, f.lane, f.created)
    end
    if became == 'ready' then back[#back + 1] = {id, f.destination, f.lane} end
  end
end
return back

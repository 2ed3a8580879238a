-- Give up a delivery that has not been made: pending, retrying or dead -> discarded.
-- ARGV: 2 id, 3 reason. Answers "discarded" or the state that forbids it ("gone": there is none).
local id = ARGV[2]
local f = read(id, 'state', 'destination', 'lane', 'lead')
if not f.state then return 'gone' end
if f.state ~= 'pending' and f.state ~= 'retrying' and f.state ~= 'dead' then
  return f.state == 'discarded' and 'already' or f.state
end
leave_waiting(id, f.destination, f.lane)
discard(id, f.destination, f.state, f.lead, ARGV[3])
return 'discarded'

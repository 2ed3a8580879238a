-- Move marks that stand under the names of their leads to where keyed hashes have them.
-- ARGV: 2... mark and name of each. Answers how many were moved.
local moved = 0
for i = 2, #ARGV do
  local uid, mark = named(ARGV[i])
  if redis.call('HEXISTS', P .. 'seen:' .. string.sub(uid, 1, 4), string.sub(uid, 5)) == 1 then
    seen(uid, mark)
    moved = moved + 1
  end
end
return moved

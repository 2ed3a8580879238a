-- One more entry of the audit log, and away with what is too old or too much.
-- ARGV: 2 ms an entry is kept, 3 most entries, then field, value...
local key = P .. 'audit'
local now = now_ms()
local id = redis.pcall('XADD', key, int(now) .. '-*', unpack(ARGV, 4))
-- A clock that was put back: behind the last entry all the same.
if type(id) == 'table' then id = redis.call('XADD', key, '*', unpack(ARGV, 4)) end
local oldest = int(now - tonumber(ARGV[2]))
redis.call('XTRIM', key, 'MINID', oldest)
redis.call('XTRIM', key, 'MAXLEN', '~', ARGV[3])
return id

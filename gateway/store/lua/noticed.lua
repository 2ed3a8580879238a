-- Something odd about a source's leads, counted, dated and told: leads that polls had "missed", or
-- that had "ended" by the portal's expiry before they were first read.
-- ARGV: 2 source, 3 missed | ended, 4 how many.
local source, what, leads = ARGV[2], ARGV[3], ARGV[4]
redis.call('HINCRBY', P .. 'counts', what .. ':' .. source, leads)
redis.call('HSET', P .. 'source:' .. source, what, int(now_ms()), what .. '_leads', leads)
event(what, '', '', '', source)
return 'noted'

-- A second look found leads that the polls of a source had passed over: counted, dated and told.
-- ARGV: 2 source, 3 how many.
redis.call('HINCRBY', P .. 'counts', 'missed:' .. ARGV[2], ARGV[3])
redis.call('HSET', P .. 'source:' .. ARGV[2], 'missed', int(now_ms()), 'missed_leads', ARGV[3])
event('missed', '', '', '', ARGV[2])
return 'noted'

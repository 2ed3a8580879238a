-- Forget how far a source was read. Whoever reads it now is fenced off and begins anew.
-- ARGV: 2 source.
redis.call('DEL', P .. 'source:' .. ARGV[2])
redis.call('HINCRBY', P .. 'lease:source:' .. ARGV[2], 'token', 1)
return 'reset'

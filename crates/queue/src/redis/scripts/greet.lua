-- Notes which run of Redis holds the limiter's memory, and since when. Every new connection says it first: a Redis that
-- was started again, or took another's place, may have lost what was sent just before.
-- KEYS 1 the limiter's memory (HASH run, since). Bound: this one. ARGV 1 clock, 2 the run. Repeating it changes nothing.
local now = clock()
if call('HGET', KEYS[1], 'run') ~= ARGV[2] then call('HSET', KEYS[1], 'run', ARGV[2], 'since', text(now)) end
return 'OK'

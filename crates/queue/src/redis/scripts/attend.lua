-- Notes that a worker is there and which kinds it takes, and forgets workers that were silent for long.
-- KEYS 1-6 common, 7 workers (ZSET name -> last heard of), 8 their kinds (HASH), 9 layout (STRING). Bound: 100 are
-- forgotten at a time. ARGV 1 clock, 2 worker, 3 its kinds with commas, 4 after how many ms one is forgotten, 5 layout.
-- Returns the layout, which is written again after Redis lost everything. Repeating it changes nothing.
local now = clock()
call('ZADD', KEYS[7], text(now), ARGV[2])
call('HSET', KEYS[8], ARGV[2], ARGV[3])
local gone = call('ZRANGEBYSCORE', KEYS[7], '-inf', text(now - tonumber(ARGV[4])), 'LIMIT', 0, 100)
if #gone > 0 then
  call('ZREM', KEYS[7], unpack(gone))
  call('HDEL', KEYS[8], unpack(gone))
end
local layout = call('GET', KEYS[9])
if not layout then call('SET', KEYS[9], ARGV[5]) end
return layout or ARGV[5]

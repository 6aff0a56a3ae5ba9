-- Forgets dead messages, each only as far as it is the death that was seen.
-- KEYS 1 dead texts (HASH), then per kind its dead (ZSET). Bound: 1,000 messages. ARGV 1 clock, 2 number of kinds, their
-- names, then per message: id, when it died in ms. Returns how many there were. Repeating it changes nothing.
local kinds = tonumber(ARGV[2])
local dead = {}
for i = 1, kinds do dead[ARGV[2 + i]] = KEYS[1 + i] end
local gone = 0
for i = 3 + kinds, #ARGV, 2 do
  local id = ARGV[i]
  local key = dead[string.match(id, '^[^:]*')]
  local died_at = redis.call('ZSCORE', key, id)
  -- One that was retried may have died again meanwhile, which nobody has seen yet.
  if died_at and tonumber(died_at) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', key, id)
    redis.call('HDEL', KEYS[1], id)
    gone = gone + 1
  end
end
return gone

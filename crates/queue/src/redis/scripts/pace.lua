-- What every pace script starts with: the clock, in milliseconds and microseconds.
local call = redis.call
-- How late a turn may be used without pushing the next one back, in microseconds; pace/rule.rs says why.
local TOLERANCE = 5000
local function text(n) return string.format('%.0f', n) end
local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]), tonumber(ARGV[1]) * 1000 end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000), t[1] * 1000000 + t[2]
end
-- Notes when a token's next turn is, for claims to see, and forgets some of those that are past.
local function note_turn(turns, token, tat, closed_ms, now)
  call('ZADD', turns, text(math.max(tat - TOLERANCE, closed_ms * 1000)), token)
  local past = call('ZRANGEBYSCORE', turns, '-inf', text(now - 1000000), 'LIMIT', 0, 2)
  if #past > 0 then call('ZREM', turns, unpack(past)) end
end

-- Takes or keeps the lead of a role. KEYS 1 the role (STRING who|fence), 2 fence (STRING). Bound: these two.
-- ARGV 1 clock, 2 who, 3 how long in ms. Returns the term's fencing number, or nothing when another leads.
-- Repeating it gives the same term.
local function text(n) return string.format('%.0f', n) end
local held = redis.call('GET', KEYS[1])
if held then
  local who, fence = string.match(held, '^(.*)|(%d+)$')
  if who ~= ARGV[2] then return false end
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return fence
end
local micros
if ARGV[1] ~= '' then
  micros = tonumber(ARGV[1]) * 1000
else
  local t = redis.call('TIME')
  micros = t[1] * 1000000 + t[2]
end
local fence = text(math.max(tonumber(redis.call('GET', KEYS[2]) or 0), micros) + 1)
redis.call('SET', KEYS[2], fence)
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. fence, 'PX', ARGV[3])
return fence

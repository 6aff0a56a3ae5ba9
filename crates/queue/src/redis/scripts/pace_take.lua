-- Gives a turn to call Apple, or says when to ask again. GCRA: turns of a token are an interval apart.
-- KEYS 1 the token's pace (HASH), 2 all of Apple (HASH), 3 turns (ZSET), 4 the limiter's memory (HASH run, since).
-- Bound: these four. ARGV 1 clock, 2 class 0-2, 3 how far ahead a turn may be booked in microseconds, 4 rate when none
-- is set, 5 how long a probe may take in ms, 6 keep ms, 7 token, 8 for a turn that is booked, to ask whether it still holds,
-- the microsecond when it was, 9 how old the limiter's memory must be in ms.
-- Returns what (0 go, 1 pace, 2 token closed, 3 Apple closed), at which microsecond, now, whether it is the probe.
local now_ms, now = clock()
local class, ahead, token = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[7]
local CONTENDED, SLOWEST = 5000000, 1 / 60
-- By how many other classes want turns, and by class; pace/rule.rs says why.
local SHARE = { [0] = { 1, 1, 1 }, { 0.9, 0.5, 0.7 }, { 0.45, 0.35, 0.45 } }

-- A memory that has just begun does not know what was sent a moment ago.
local since = call('HGET', KEYS[4], 'since')
if not since then
  since = text(now_ms)
  call('HSET', KEYS[4], 'since', since)
end
local settled, booked = tonumber(since) + tonumber(ARGV[9]), tonumber(ARGV[8])
if booked and tonumber(since) * 1000 > booked or not booked and now_ms < settled then
  return { 1, settled * 1000, now, 0 }
end

local apple = call('HMGET', KEYS[2], 'until', 'probe', 'token', 'reserved')
local half_open = false
if apple[1] then
  local reopen = tonumber(apple[1])
  if now_ms < reopen then return { 3, reopen * 1000, now, 0 } end
  local probe = tonumber(apple[2] or 0)
  -- The probe's own turn is booked already; and a claim may have reserved it for this token.
  local may = apple[3] == token and (booked or apple[4] == '1')
  if now_ms < probe and not may then return { 3, probe * 1000, now, 0 } end
  half_open = true
end

local f = call('HMGET', KEYS[1], 'rate', 'cut', 'cut_at', 'tat', 'closed', 'own0', 'own1', 'own2', 'seen0', 'seen1', 'seen2')
local closed = tonumber(f[5] or 0) * 1000
if booked then
  if closed > now then return { 2, closed, now, 0 } end
  return { 0, now, now, 0 }
end

local share = 1
local cut = tonumber(f[2] or 1)
if cut < 1 then share = math.min(1, cut + math.floor((now_ms - tonumber(f[3])) / 60000) / 10) end
local rate = math.max(tonumber(f[1] or ARGV[4]) * share, SLOWEST)
local interval = math.ceil((1000000 + TOLERANCE) / rate)

-- While others want turns too, a class keeps to its share of them.
local others = 0
for other = 0, 2 do
  if other ~= class and now - tonumber(f[9 + other] or 0) < CONTENDED then others = others + 1 end
end
local own_interval = math.ceil(interval / SHARE[others][class + 1])
local own = tonumber(f[6 + class] or 0)
local own_free = others > 0 and own - own_interval or 0

local tat = tonumber(f[4] or 0)
local free = math.max(now, tat - TOLERANCE, closed)
if class == 2 then ahead = math.min(ahead, 2 * interval) end
if own_free > now or free - now > ahead then
  call('HSET', KEYS[1], 'seen' .. class, text(now))
  call('PEXPIRE', KEYS[1], ARGV[6])
  return { closed > now and 2 or 1, math.max(free, own_free), now, 0 }
end
own = math.min(math.max(own, free) + own_interval, free + 2 * own_interval)
tat = math.max(tat, free) + interval
call('HSET', KEYS[1], 'tat', text(tat), 'own' .. class, text(own), 'seen' .. class, text(now))
call('PEXPIRE', KEYS[1], ARGV[6])
note_turn(KEYS[3], token, tat, closed / 1000, now)
if half_open then
  call('HSET', KEYS[2], 'probe', text(math.ceil(free / 1000) + tonumber(ARGV[5])), 'token', token, 'reserved', '0')
  return { 0, free, now, 1 }
end
return { 0, free, now, 0 }

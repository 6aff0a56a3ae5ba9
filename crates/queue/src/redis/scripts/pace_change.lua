-- Changes a token's pace. KEYS 1 the token's pace (HASH), 2 turns (ZSET). Bound: these two.
-- ARGV 1 clock, 2 keep ms, 3 what: 'rate' (4 requests a second), 'close' (4 until, 5 longest ms), or
-- 'slow' (4 random number below 1, 5 first pause ms, 6 longest pause ms, 7 rate when none is set); the last is the token.
-- Returns until when the token is closed, in ms. Repeating it within a second changes little.
local now, micros = clock()
local what = ARGV[3]
local f = call('HMGET', KEYS[1], 'rate', 'cut', 'cut_at', 'strikes', 'closed', 'tat')
local closed = tonumber(f[5] or 0)

if what == 'rate' then
  call('HSET', KEYS[1], 'rate', ARGV[4])
elseif what == 'close' then
  closed = math.max(closed, math.min(tonumber(ARGV[4]), now + tonumber(ARGV[5])))
  call('HSET', KEYS[1], 'closed', text(closed))
else
  local rate = tonumber(f[1] or ARGV[7])
  local cut, cut_at, strikes = tonumber(f[2] or 1), tonumber(f[3] or 0), tonumber(f[4] or 0)
  -- Requests that were under way together are refused together; that is one refusal.
  if now - cut_at >= 1000 then
    local share = math.min(1, cut + math.floor((now - cut_at) / 60000) / 10)
    if now - cut_at > 60000 then strikes = 0 end
    strikes = math.min(strikes + 1, 30)
    cut = math.max(share / 2, 1 / 60 / rate)
    local pause = math.min(tonumber(ARGV[5]) * 2 ^ (strikes - 1), tonumber(ARGV[6])) * tonumber(ARGV[4])
    closed = math.max(closed, now + math.floor(pause))
    call('HSET', KEYS[1], 'cut', string.format('%.17g', cut), 'cut_at', text(now), 'strikes', strikes, 'closed', text(closed))
  end
end
call('PEXPIRE', KEYS[1], ARGV[2])
if closed > now then note_turn(KEYS[2], ARGV[#ARGV], tonumber(f[6] or 0), closed, micros) end
return math.max(closed, now)

-- Counts tokens that fail and tokens that work, and closes all of Apple when too many fail, reopened by a probe.
-- KEYS 1 all of Apple (HASH), 2 failing (ZSET), 3 working (ZSET), 4 wake (LIST). Bound: 100 old entries are dropped at
-- a time.
-- ARGV 1 clock, 2 token, 3 'failed', 'worked' or 'unused' of a probe that is not made, 4 window ms, 5 how many make a failure, 6 first pause ms, 7 longest.
-- Returns 1 while Apple is closed. Repeating it changes nothing, except that a failed probe doubles the pause.
local now = clock()
local token, window = ARGV[2], tonumber(ARGV[4])
local failed = ARGV[3] == 'failed'
local function signal()
  if call('LLEN', KEYS[4]) == 0 then call('LPUSH', KEYS[4], '1') end
end
if ARGV[3] == 'unused' then
  if call('HGET', KEYS[1], 'token') == token then
    call('HDEL', KEYS[1], 'probe', 'token', 'reserved')
    signal()
  end
  return 1
end
call('ZREM', failed and KEYS[3] or KEYS[2], token)
call('ZADD', failed and KEYS[2] or KEYS[3], text(now), token)
for i = 2, 3 do
  local old = call('ZRANGEBYSCORE', KEYS[i], '-inf', text(now - window), 'LIMIT', 0, 100)
  if #old > 0 then call('ZREM', KEYS[i], unpack(old)) end
  call('PEXPIRE', KEYS[i], window)
end

local f = call('HMGET', KEYS[1], 'until', 'probe', 'token', 'pause')
local is_probe = f[1] and f[2] and f[3] == token
local longest = tonumber(ARGV[7])
local pause
if f[1] then
  if not is_probe then return 1 end
  if not failed then
    call('DEL', KEYS[1], KEYS[2])
    -- Claims have passed over whatever calls Apple; now they need not.
    signal()
    return 0
  end
  pause = math.min(tonumber(f[4]) * 2, longest)
elseif failed then
  local from = '(' .. text(now - window)
  local failing = call('ZCOUNT', KEYS[2], from, '+inf')
  if failing < tonumber(ARGV[5]) or failing <= call('ZCOUNT', KEYS[3], from, '+inf') then return 0 end
  pause = tonumber(ARGV[6])
else
  return 0
end
call('DEL', KEYS[1])
call('HSET', KEYS[1], 'until', text(now + pause), 'pause', text(pause))
-- Forgotten long after it should have been probed: with no work left nobody is kept out by it.
call('PEXPIRE', KEYS[1], longest * 4)
return 1

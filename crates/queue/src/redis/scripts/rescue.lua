-- Takes messages over whose lease has ended, back into line or, after too many times, aside as poison.
-- KEYS 1-6 common, 7 dead texts (HASH), 8 beat (STRING), 9 amnesty (STRING), then per kind: three lanes and the dead.
-- Bound: ARGV 6 messages. ARGV 1 clock, 2 dead kept per kind, 3 rescues allowed, 4 gap ms, 5 amnesty ms, 6 limit,
-- 7 the reason for poison, 8 how far apart suspects of it come back in ms, then the kinds' names. Returns how many went back, how many aside.
local now = clock()
local dead_max, allowed, gap, pardon = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

-- If nobody has looked for a while, nobody could renew either: Redis was away, or all of us were. Those alive get
-- the time to renew before anything is taken from them.
local last = tonumber(call('SET', KEYS[8], text(now), 'GET') or now)
if now - last > gap then
  call('SET', KEYS[9], text(now + pardon), 'PX', pardon)
  return { 0, 0 }
end
local expired = call('ZRANGEBYSCORE', RUN, '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[6]))
if #expired == 0 then return { 0, 0 } end
if tonumber(call('GET', KEYS[9]) or 0) > now then return { 0, 0 } end

local base = {}
for i = 9, #ARGV do base[ARGV[i]] = 10 + (i - 9) * 4 end
local rescued, poisoned, suspects, tell = 0, 0, 0, false
for _, id in ipairs(expired) do
  local at = base[string.match(id, '^[^:]*')]
  local lease, record = call('HGET', LEASE, id), call('HGET', MSG, id)
  if not at then
    -- A kind this program does not know is looked at again later, and out of the way of others until then.
    call('ZADD', RUN, text(now + pardon), id)
  elseif not lease or not record then
    call('ZREM', RUN, id)
    call('HDEL', LEASE, id)
  else
    call('ZREM', RUN, id)
    call('HDEL', LEASE, id)
    local priority, attempts, rescues, rest = string.match(record, '^(%d)|(%d+)|(%d+)(.*)$')
    rescues = tonumber(rescues or 0) + 1
    if priority then record = priority .. '|' .. attempts .. '|' .. rescues .. rest end
    local due = tonumber(string.match(lease, '^%d+|(%d+)|')) or now
    local sooner, other = pushed_again(id)
    if rescues > allowed then
      call('HDEL', MSG, id)
      bury(at + 3, 7, id, ARGV[7], record, now, dead_max)
      poisoned = poisoned + 1
      if sooner and put(at, id, sooner, other, now) then tell = true end
    else
      -- One of them may be what takes its workers down; the others are to run without it.
      if rescues > 1 then
        due = math.max(due, now + suspects * tonumber(ARGV[8]))
        suspects = suspects + 1
      end
      if sooner then
        due = math.min(due, sooner)
        record = raised(record, string.sub(other, 1, 1))
      end
      if put(at, id, due, record, now) then tell = true end
      rescued = rescued + 1
    end
  end
end
if tell then signal() end
return { rescued, poisoned }

-- What every queue script starts with. The first keys are the same everywhere:
--   1 next   ZSET  lane -> a time not after its first message is due
--   2 run    ZSET  id -> when its lease ends
--   3 lease  HASH  id -> fence|due|since|worker
--   4 msg    HASH  id -> priority|attempts|rescues|why, newline, payload
--   5 again  HASH  id -> due|record, for what was pushed while it ran
--   6 wake   LIST  at most one element: there is something to claim
-- A lane is a ZSET id -> due for one kind and one priority, and its key ends with the priority's digit.
local NEXT, RUN, LEASE, MSG, AGAIN, WAKE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local call = redis.call

-- Milliseconds and microseconds: Redis's own, unless a test brings the time along.
local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]), tonumber(ARGV[1]) * 1000 end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000), t[1] * 1000000 + t[2]
end

-- A number as text; tostring would round it to 14 digits.
local function text(n) return string.format('%.0f', n) end

-- '+5' is five later, '@5' at five or now, '=5' at five whatever the time.
local function due_at(spec, now)
  local sign, n = string.sub(spec, 1, 1), tonumber(string.sub(spec, 2))
  if sign == '+' then return now + n end
  if sign == '@' and n < now then return now end
  return n
end

local function signal()
  if call('LLEN', WAKE) == 0 then call('LPUSH', WAKE, '1') end
end

local function raised(record, priority)
  if priority > string.sub(record, 1, 1) then return priority .. string.sub(record, 2) end
  return record
end

-- The lane of a record, of which KEYS[base] is the lowest. A priority that does not exist counts as a normal one: the
-- record ends in the dead set when it is read, and must not stand in others' way until then.
local function lane_of(base, record)
  local digit = tonumber(string.sub(record, 1, 1))
  if digit ~= 0 and digit ~= 1 and digit ~= 2 then digit = 1 end
  return KEYS[base + digit]
end

-- Puts a message in its lane. True when a worker should hear of it.
local function put(base, id, due, record, now)
  local lane = lane_of(base, record)
  call('HSET', MSG, id, record)
  call('ZADD', lane, text(due), id)
  return call('ZADD', NEXT, 'LT', 'CH', text(due), lane) == 1 or due <= now
end

-- Lets the index know a lane's first message after something left it; answers when that is due, or nothing.
local function reindex(lane)
  local first = call('ZRANGE', lane, 0, 0, 'WITHSCORES')[2]
  if first then call('ZADD', NEXT, first, lane) else call('ZREM', NEXT, lane) end
  return tonumber(first)
end

-- What was pushed while the message ran: when, and its record. Nothing when nothing was.
local function pushed_again(id)
  local again = call('HGET', AGAIN, id)
  if not again then return nil end
  call('HDEL', AGAIN, id)
  local bar = string.find(again, '|', 1, true)
  return tonumber(string.sub(again, 1, bar - 1)), string.sub(again, bar + 1)
end

-- Sets a message aside in KEYS[dead], with its text in KEYS[texts]; the oldest beyond `max` go, 100 at a time.
local function bury(dead, texts, id, reason, record, now, max)
  -- A second death is told from the first by its moment.
  local before = call('ZSCORE', KEYS[dead], id)
  if before then now = math.max(now, tonumber(before) + 1) end
  call('ZADD', KEYS[dead], text(now), id)
  call('HSET', KEYS[texts], id, reason .. '\n' .. record)
  local over = call('ZCARD', KEYS[dead]) - max
  if over > 0 then
    local old = call('ZRANGE', KEYS[dead], 0, math.min(over, 100) - 1)
    call('ZREM', KEYS[dead], unpack(old))
    call('HDEL', KEYS[texts], unpack(old))
  end
end

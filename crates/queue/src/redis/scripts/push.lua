-- Adds messages of one kind; for one that is there already, only the earlier time and the higher priority count.
-- KEYS 1-6 common, 7 kinds (SET), 8-10 the kind's lanes. Bound: 500 messages.
-- ARGV 1 clock, 2 kind, then per message: id, due, record. Repeating it changes nothing.
local now = clock()
local kind = ARGV[2]
local fresh, first = { {}, {}, {} }, {}
local tell = false

-- A message that is running is to run once more afterwards.
local function note(id, due, record)
  local before = call('HGET', AGAIN, id)
  if before then
    local bar = string.find(before, '|', 1, true)
    due = math.min(due, tonumber(string.sub(before, 1, bar - 1)))
    record = raised(record, string.sub(before, bar + 1, bar + 1))
  end
  call('HSET', AGAIN, id, text(due) .. '|' .. record)
end

-- A message that waits moves forward, or stays.
local function hasten(id, due, record)
  local was = call('HGET', MSG, id)
  local lane = lane_of(8, was)
  local before = tonumber(call('ZSCORE', lane, id) or nil)
  local is = raised(was, string.sub(record, 1, 1))
  if before and before <= due then
    if is == was then return end
    due = before
  end
  if is ~= was then call('ZREM', lane, id) end
  if put(8, id, due, is, now) then tell = true end
end

for i = 3, #ARGV, 3 do
  local id, due, record = ARGV[i], due_at(ARGV[i + 1], now), ARGV[i + 2]
  if call('HSETNX', MSG, id, record) == 1 then
    local lane = tonumber(string.sub(record, 1, 1)) + 1
    local list = fresh[lane]
    list[#list + 1] = text(due)
    list[#list + 1] = id
    if not first[lane] or due < first[lane] then first[lane] = due end
  elseif call('HEXISTS', LEASE, id) == 1 then
    note(id, due, record)
  else
    hasten(id, due, record)
  end
end

for lane = 1, 3 do
  if first[lane] then
    local key = KEYS[7 + lane]
    call('ZADD', key, unpack(fresh[lane]))
    if call('ZADD', NEXT, 'LT', 'CH', text(first[lane]), key) == 1 or first[lane] <= now then tell = true end
  end
end
call('SADD', KEYS[7], kind)
if tell then signal() end
return 'OK'

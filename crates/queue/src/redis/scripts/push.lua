-- Adds messages of one kind; for one that is there already, only the earlier time and the higher priority count.
-- KEYS 1-6 common, 7 kinds (SET), 8-10 the kind's lanes. Bound: 500 messages.
-- ARGV 1 clock, 2 kind, then per message: id, due, record. Repeating it changes nothing.
local now = clock()
local kind = ARGV[2]
local tell = false

-- Most messages of a batch are due at the same time, and reading and writing numbers is dear.
local spec, due, due_text
local function due_of(given)
  if given ~= spec then
    spec, due = given, due_at(given, now)
    due_text = text(due)
  end
  return due, due_text
end

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
  -- A lane that is left has to be known as it is: one that only seems ready makes a claim merge where nothing is to be merged.
  if is ~= was then
    call('ZREM', lane, id)
    reindex(lane)
  end
  if put(8, id, due, is, now) then tell = true end
end

local ids = {}
for i = 3, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
local known = call('HMGET', MSG, unpack(ids))

-- New messages are added all at once; one that comes twice in a batch is new only the first time.
local fresh, first, records, seen, others = { {}, {}, {} }, {}, {}, {}, {}
for n, id in ipairs(ids) do
  local at = n * 3
  if known[n] or seen[id] then
    others[#others + 1] = at
  else
    seen[id] = true
    local record = ARGV[at + 2]
    local lane = tonumber(string.sub(record, 1, 1)) + 1
    local due, due_text = due_of(ARGV[at + 1])
    local list = fresh[lane]
    list[#list + 1] = due_text
    list[#list + 1] = id
    records[#records + 1] = id
    records[#records + 1] = record
    if not first[lane] or due < first[lane] then first[lane] = due end
  end
end
if #records > 0 then call('HSET', MSG, unpack(records)) end
for lane = 1, 3 do
  if first[lane] then
    local key = KEYS[7 + lane]
    call('ZADD', key, unpack(fresh[lane]))
    if call('ZADD', NEXT, 'LT', 'CH', text(first[lane]), key) == 1 or first[lane] <= now then tell = true end
  end
end
for _, at in ipairs(others) do
  local id, record = ARGV[at], ARGV[at + 2]
  local due = due_of(ARGV[at + 1])
  if call('HEXISTS', LEASE, id) == 1 then note(id, due, record) else hasten(id, due, record) end
end
call('SADD', KEYS[7], kind)
if tell then signal() end
return 'OK'

-- Hands ready messages to a worker, those with the earliest due time less head start first.
-- KEYS 1-6 common, 7 fence (STRING), 8 paused (SET of lanes), 9 memo (STRING), 10… the lanes the worker knows.
-- Bound: 256 messages; while several lanes are ready, 32 of each are looked at.
-- ARGV 1 clock, 2 lease ms, 3 worker, 4 request, 5 max, 6 how much earlier one priority goes than the next.
-- Returns ms until the next due message or -1, whether more are ready, then per message: id, lease, record.
local now, micros = clock()
local worker, request, max, step = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local until_ms = text(now + tonumber(ARGV[2]))

-- A worker's requests are numbered. One that was answered before, though the answer was lost, gets the same messages
-- again, as far as they are still the worker's; one that comes late, after a later one, gets none.
local memo = call('GET', KEYS[9])
if memo then
  local number, rest = string.match(memo, '^(%d+)\n(.*)$')
  if tonumber(number) > request then return { -1, 0 } end
  if tonumber(number) == request then
    local reply = { -1, 1 }
    for id in string.gmatch(rest, '[^\n]+') do
      local lease, record = call('HGET', LEASE, id), call('HGET', MSG, id)
      if lease and record and string.sub(lease, -#worker - 1) == '|' .. worker then
        reply[#reply + 1] = id
        reply[#reply + 1] = lease
        reply[#reply + 1] = record
      end
    end
    return reply
  end
end
local function remember(ids)
  call('SET', KEYS[9], text(request) .. '\n' .. table.concat(ids, '\n'), 'PX', ARGV[2])
end

local index = call('ZRANGE', NEXT, 0, 255, 'WITHSCORES')
if not index[2] then
  remember({})
  return { -1, 0 }
end
if tonumber(index[2]) > now then
  remember({})
  -- Nothing is due, so only the first lane this worker may take matters.
  local known = {}
  for i = 10, #KEYS do known[KEYS[i]] = true end
  for i = 1, #index, 2 do
    if known[index[i]] then return { tonumber(index[i + 1]) - now, 0 } end
  end
  return { -1, 0 }
end

local known, lanes, later = {}, {}, nil
for i = 10, #KEYS do known[KEYS[i]] = true end
for _, lane in ipairs(call('SMEMBERS', KEYS[8])) do known[lane] = nil end
for i = 1, #index, 2 do
  local lane, due = index[i], tonumber(index[i + 1])
  if known[lane] then
    if due <= now then lanes[#lanes + 1] = lane elseif not later then later = due end
  end
end
table.sort(lanes)

local limit = #lanes == 1 and max or math.min(max, 32)
local heads = {}
for i, lane in ipairs(lanes) do
  heads[i] = {
    list = call('ZRANGEBYSCORE', lane, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, limit),
    at = 1,
    start = tonumber(string.sub(lane, -1)) * step,
  }
end

-- Merges the lanes; a lane whose looked-at part is used up while it may have more ends the merge.
local ids, dues = {}, {}
while #ids < max do
  local best, least = nil, nil
  local cut = false
  for _, head in ipairs(heads) do
    local due = head.list[head.at + 1]
    if due then
      local rank = tonumber(due) - head.start
      if not least or rank < least then best, least = head, rank end
    elseif #head.list == limit * 2 then
      cut = true
    end
  end
  if not best or cut then break end
  ids[#ids + 1] = best.list[best.at]
  dues[#dues + 1] = best.list[best.at + 1]
  best.at = best.at + 2
end

-- What was taken leaves its lane, and the index learns each lane's new first.
local more = false
for i, lane in ipairs(lanes) do
  local taken = (heads[i].at - 1) / 2
  if taken > 0 then call('ZREMRANGEBYRANK', lane, 0, taken - 1) end
  local first = call('ZRANGE', lane, 0, 0, 'WITHSCORES')
  if first[2] then
    call('ZADD', NEXT, first[2], lane)
    local due = tonumber(first[2])
    if due <= now then more = true elseif not later or due < later then later = due end
  else
    call('ZREM', NEXT, lane)
  end
end

remember(ids)
local reply = { later and later - now or -1, more and 1 or 0 }
if #ids == 0 then return reply end

local fence = math.max(tonumber(call('GET', KEYS[7]) or 0), micros)
call('SET', KEYS[7], text(fence + #ids))
local records = call('HMGET', MSG, unpack(ids))
local runs, leases = {}, {}
local tail = '|' .. text(now) .. '|' .. worker
for i, id in ipairs(ids) do
  if records[i] then
    local lease = text(fence + i) .. '|' .. dues[i] .. tail
    runs[#runs + 1] = until_ms
    runs[#runs + 1] = id
    leases[#leases + 1] = id
    leases[#leases + 1] = lease
    reply[#reply + 1] = id
    reply[#reply + 1] = lease
    reply[#reply + 1] = records[i]
  end
end
if #runs > 0 then
  call('ZADD', RUN, unpack(runs))
  call('HSET', LEASE, unpack(leases))
end
if more then signal() end
return reply

-- Hands ready messages to a worker, those with the earliest due time less head start first.
-- KEYS 1-6 common, 7 fence (STRING), 8 paused (SET of lanes), 9 memo (STRING), 10 apple, 11 turns, 12… the lanes of the
-- kinds that the worker takes, three a kind.
-- Bound: 256 messages; while several lanes are ready, 32 of each are looked at.
-- ARGV 1 clock, 2 lease ms, 3 worker, 4 request, 5 max, 6 how much earlier one priority goes than the next, 7 a digit
-- for each kind, 1 if it calls Apple, 8 how far apart a token's turns are in microseconds, when it has several messages.
-- Returns ms until the next due message or -1, whether more are ready, then per message: id, lease, record.
local LANES = 12
local now, micros = clock()
local worker, request, max, step = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local apart = tonumber(ARGV[8])

-- A worker's requests are numbered. One that was answered before, though the answer was lost, gets the same messages
-- again, as far as they are still the worker's; one that comes late, after a later one, gets none.
local function answered_before()
  local memo = call('GET', KEYS[9])
  if not memo then return nil end
  local number, rest = string.match(memo, '^(%d+)\n(.*)$')
  if tonumber(number) > request then return { -1, 0 } end
  if tonumber(number) < request then return nil end
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

local function remember(ids)
  call('SET', KEYS[9], text(request) .. '\n' .. table.concat(ids, '\n'), 'PX', ARGV[2])
end

-- The worker's lanes of which something is due, and when the next of the others is. Lanes that may not be taken from
-- now do not count, but for the moment when a closed Apple is tried again.
local function ready_lanes(gate, reopens)
  local known, calls, later = {}, {}, nil
  local lanes, index = {}, call('ZRANGE', NEXT, 0, 255, 'WITHSCORES')
  if #index == 0 then return lanes, calls, later end
  for i = LANES, #KEYS do
    known[KEYS[i]] = true
    if string.sub(ARGV[7], math.floor((i - LANES) / 3) + 1, math.floor((i - LANES) / 3) + 1) == '1' then
      calls[KEYS[i]] = true
    end
  end
  for _, lane in ipairs(call('SMEMBERS', KEYS[8])) do known[lane] = nil end
  for i = 1, #index, 2 do
    local lane, due = index[i], tonumber(index[i + 1])
    if known[lane] then
      if due <= now and gate == 'shut' and calls[lane] then due = reopens end
      if due <= now then lanes[#lanes + 1] = lane elseif not later or due < later then later = due end
    end
  end
  table.sort(lanes)
  return lanes, calls, later
end

local function open_heads(lanes, calls)
  local limit = #lanes == 1 and max or math.min(max, 32)
  local heads = {}
  for i, lane in ipairs(lanes) do
    local head = {
      lane = lane,
      list = call('ZRANGEBYSCORE', lane, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, limit),
      at = 1,
      start = tonumber(string.sub(lane, -1)) * step,
      put_off = {},
    }
    head.full = #head.list == limit * 2
    if calls[lane] then head.tokens, head.turns = turns_of(head.list) end
    heads[i] = head
  end
  return heads
end

-- How often each token was seen in this claim: its second message has to wait for its second turn.
local seen = {}
-- When a message's token may call, in microseconds, or nothing if that is soon enough.
local function too_early(head)
  local at = (head.at + 1) / 2
  local token = head.tokens[at]
  local nth = seen[token] or 0
  seen[token] = nth + 1
  local free = math.max(tonumber(head.turns[at] or 0) or 0, micros) + nth * apart
  if free - micros > AHEAD then return free end
  return nil
end

-- Merges the lanes; a lane whose looked-at part is used up while it may have more ends the merge.
local function merge(heads, gate)
  local ids, dues = {}, {}
  while #ids < max do
    local best, least = nil, nil
    local cut = false
    for _, head in ipairs(heads) do
      local due = head.list[head.at + 1]
      if head.shut then
        -- A probe was given; the others wait for what it finds.
      elseif due then
        local rank = tonumber(due) - head.start
        if not least or rank < least then best, least = head, rank end
      elseif head.full then
        cut = true
      end
    end
    if not best or cut then break end
    local id = best.list[best.at]
    if best.tokens and gate == 'probed' then
      best.shut = true
    else
      local free = best.tokens and too_early(best)
      if free then
        local off = best.put_off
        off[#off + 1] = text(math.max(math.ceil((free - AHEAD) / 1000), now + 1))
        off[#off + 1] = id
      else
        if best.tokens and gate == 'probe' then
          gate = 'probed'
          call('HSET', KEYS[10], 'probe', text(now + RESERVED), 'token', token_of(id), 'reserved', '1')
        end
        ids[#ids + 1] = id
        dues[#dues + 1] = best.list[best.at + 1]
      end
      best.at = best.at + 2
    end
  end
  return ids, dues
end

-- What was looked at leaves its lane or is put off, and the index learns each lane's new first.
local function leave(heads, later)
  local more = false
  for _, head in ipairs(heads) do
    local lane, taken = head.lane, (head.at - 1) / 2
    if taken > 0 then call('ZREMRANGEBYRANK', lane, 0, taken - 1) end
    if #head.put_off > 0 then call('ZADD', lane, unpack(head.put_off)) end
    local due = reindex(lane)
    if due then
      if due <= now and head.shut then due = now + RESERVED end
      if due <= now then more = true elseif not later or due < later then later = due end
    end
  end
  return more, later
end

-- Gives each message its lease and adds it to the reply. What is claimed together shares a fencing number: it has to
-- grow from claim to claim of a message, and writing a number out is dear.
local function hand_out(reply, ids, dues)
  local until_ms = text(now + tonumber(ARGV[2]))
  local fence = text(math.max(tonumber(call('GET', KEYS[7]) or 0), micros) + 1)
  call('SET', KEYS[7], fence)
  local records = call('HMGET', MSG, unpack(ids))
  local runs, leases = {}, {}
  local head, tail = fence .. '|', '|' .. text(now) .. '|' .. worker
  for i, id in ipairs(ids) do
    if records[i] then
      local lease = head .. dues[i] .. tail
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
end

-- With a single ready lane there is nothing to merge. Its messages share the first one's due time: all that are due
-- earlier than the last of them are among them, so that one that is put back passes nobody.
local function take_all(lane)
  local ids = call('ZRANGEBYSCORE', lane, '-inf', text(now), 'LIMIT', 0, max)
  local due = call('ZRANGE', lane, 0, 0, 'WITHSCORES')[2]
  local dues = {}
  for i = 1, #ids do dues[i] = due end
  return { { lane = lane, at = #ids * 2 + 1, put_off = {} } }, ids, dues
end

local before = answered_before()
if before then return before end
local gate, reopens = apple_gate(now)
local lanes, calls, later = ready_lanes(gate, reopens)
local heads, ids, dues, more
if #lanes == 1 and not calls[lanes[1]] then
  heads, ids, dues = take_all(lanes[1])
else
  heads = open_heads(lanes, calls)
  ids, dues = merge(heads, gate)
end
more, later = leave(heads, later)
remember(ids)
local reply = { later and later - now or -1, more and 1 or 0 }
if #ids > 0 then hand_out(reply, ids, dues) end
if more and #ids > 0 then signal() end
return reply

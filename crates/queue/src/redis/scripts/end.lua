-- Ends runs: done, waiting again, or set aside. An ending whose lease is not the current one is refused.
-- KEYS 1-6 common, 7 dead texts (HASH), then per kind: three lanes and the dead (ZSET). Bound: 500 endings.
-- ARGV 1 clock, 2 dead kept per kind, 3 number of kinds, their names, number of plain endings, per plain ending: id,
-- lease; then per other ending: id, lease, 'w' with due and record, or 'x' with reason and record.
-- Returns the numbers of the refused, counted from 1. Repeating it refuses all and changes nothing.
local now = clock()
local dead_max, kinds = tonumber(ARGV[2]), tonumber(ARGV[3])
local base = {}
for i = 1, kinds do base[ARGV[3 + i]] = 4 + i * 4 end
local plain = tonumber(ARGV[4 + kinds])
local from = 5 + kinds
local middle = from + plain * 2

local ids, given = {}, {}
for i = from, middle - 1, 2 do
  ids[#ids + 1] = ARGV[i]
  given[#given + 1] = ARGV[i + 1]
end
for i = middle, #ARGV, 5 do
  ids[#ids + 1] = ARGV[i]
  given[#given + 1] = ARGV[i + 1]
end
if #ids == 0 then return {} end

local held = call('HMGET', LEASE, unpack(ids))
local refused, ended, gone, seen = {}, {}, {}, {}
for i, id in ipairs(ids) do
  if held[i] == given[i] and not seen[id] then
    seen[id] = true
    ended[#ended + 1] = id
    if i <= plain then gone[#gone + 1] = id end
  else
    held[i] = false
    refused[#refused + 1] = i
  end
end
if #ended == 0 then return refused end
call('HDEL', LEASE, unpack(ended))
call('ZREM', RUN, unpack(ended))
if #gone > 0 then call('HDEL', MSG, unpack(gone)) end

local tell = false
local function kind_of(id) return base[string.match(id, '^[^:]*')] end
-- A message that is through, but was pushed while it ran, starts anew.
local function anew(id)
  local due, record = pushed_again(id)
  if due and put(kind_of(id), id, due, record, now) then tell = true end
end

if call('HLEN', AGAIN) > 0 then
  for _, id in ipairs(gone) do anew(id) end
end
for i = plain + 1, #ids do
  if held[i] then
    local id, at = ids[i], middle + (i - plain - 1) * 5
    local verb, first, record = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
    if verb == 'w' then
      local due = due_at(first, now)
      local sooner, other = pushed_again(id)
      if sooner then
        due = math.min(due, sooner)
        record = raised(record, string.sub(other, 1, 1))
      end
      if put(kind_of(id), id, due, record, now) then tell = true end
    else
      call('HDEL', MSG, id)
      bury(kind_of(id) + 3, 7, id, first, record, now, dead_max)
      anew(id)
    end
  end
end
if tell then signal() end
return refused

-- Prolongs leases that are still the caller's.
-- KEYS 1-6 common. Bound: 500 leases. ARGV 1 clock, 2 lease ms, then per lease: id, lease.
-- Returns the numbers of those that are not, counted from 1.
local now = clock()
local ids, given = {}, {}
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
  given[#given + 1] = ARGV[i + 1]
end
local until_ms = text(now + tonumber(ARGV[2]))
local held = call('HMGET', LEASE, unpack(ids))
local lost, runs = {}, {}
for i, id in ipairs(ids) do
  if held[i] == given[i] then
    runs[#runs + 1] = until_ms
    runs[#runs + 1] = id
  else
    lost[#lost + 1] = i
  end
end
if #runs > 0 then call('ZADD', RUN, unpack(runs)) end
return lost

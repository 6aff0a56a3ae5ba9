-- Gives up the lead of a role, if it is still the caller's. KEYS 1 the role. Bound: this one.
-- ARGV 1 who|fence.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0

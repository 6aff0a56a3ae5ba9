-- What a claim needs to know of the pace, so that a message whose token may not call Apple yet is not handed out only
-- to be put back. KEYS 10 apple (HASH until, probe, token, …), 11 turns (ZSET token -> microsecond of its next turn).
-- A turn may be this far off, in microseconds: a handler has reading to do before it calls.
local AHEAD = 100000
-- How long the one message that may probe a closed Apple gets to take its turn, in milliseconds.
local RESERVED = 5000

-- Whether messages that call Apple may be handed out: 'open', 'shut' with until when, or 'probe' for a single one.
local function apple_gate(now)
  local f = call('HMGET', KEYS[10], 'until', 'probe')
  if not f[1] then return 'open' end
  if now < tonumber(f[1]) then return 'shut', tonumber(f[1]) end
  if now < tonumber(f[2] or 0) then return 'shut', tonumber(f[2]) end
  return 'probe'
end

-- The message's token, which its key begins with.
local function token_of(id) return string.match(id, '^[^:]*:(%d+)') end

-- Of a lane's messages, given as id, due, id, due, …, when each one's token has its next turn.
local function turns_of(list)
  local tokens = {}
  for i = 1, #list, 2 do tokens[#tokens + 1] = token_of(list[i]) or '' end
  if #tokens == 0 then return tokens, {} end
  return tokens, call('ZMSCORE', KEYS[11], unpack(tokens))
end

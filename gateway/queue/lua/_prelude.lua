-- RQ's own key names. KEYS[1] is "rq:"; ARGV[1] is unused here (the store's scripts shift clocks).
local P = KEYS[1]
local function job_key(id) return P .. 'job:' .. id end
local function list_key(queue) return P .. 'queue:' .. queue end
local function wip_key(queue) return P .. 'wip:' .. queue end

/**
 * What Redis does in one step. A script is sent by its hash, and whole where the server does not know it.
 *
 * Whoever changes an entry on purpose removes its lock: who was fetching it then stores nothing. What needs memory comes first in a
 * script, as a server that is full refuses only that.
 */

const { createHash } = require('node:crypto');

/** Of a number, from its entry: nothing where it is none. Positions are those of `value-bytes.js`. */
const NUMBER_IN = `
local function number_in(entry)
  if string.sub(entry, 1, 2) ~= 'F1' or string.sub(entry, 19, 19) ~= 'N' then return nil end
  return tonumber(string.sub(entry, 40 + tonumber(string.sub(entry, 22, 27), 16)))
end
`;

/** Whether an entry bears more than its value: its tags may be invalid. */
const BEARS = `
local function bears(entry)
  return string.sub(entry, 1, 2) == 'F1' and string.sub(entry, 22, 27) ~= '000000'
end
`;

/** The entry, where there is one: that somebody has found nothing is none. */
const ENTRY_IN = `
local function entry_in(name)
  local entry = redis.call('GET', name)
  if entry and string.sub(entry, 1, 2) == 'F1' and string.sub(entry, 19, 19) == '0' then return false end
  return entry
end
`;

/** As JavaScript reads it: the shortest of two that is exact. */
const TEXT_OF = `
local function text_of(number)
  if number ~= number then return 'NaN' end
  if number == math.huge then return 'Infinity' end
  if number == -math.huge then return '-Infinity' end
  local short = string.format('%.15g', number)
  return tonumber(short) == number and short or string.format('%.17g', number)
end
`;

/** Writes into an entry when its lifetime ends. */
const STAMP = `
local function stamp(name, ttl)
  local now = redis.call('TIME')
  local stop = now[1] * 1000 + math.floor(now[2] / 1000) + ttl
  redis.call('SETRANGE', name, 27, ttl > 0 and string.format('%012x', stop) or '000000000000')
end
`;

/** Stores an entry; one whose lifetime is over before it begins is none. */
const STORE = `${STAMP}
local function store(name, entry, ttl)
  ttl = tonumber(ttl)
  if ttl < 0 then redis.call('DEL', name)
  elseif ttl > 0 then redis.call('SET', name, entry, 'PX', ttl) stamp(name, ttl) else redis.call('SET', name, entry) end
end
`;

const texts = {
  /** entry, lock; mine, its time -> [bytes, 0] | [nil, lock's lifetime] | [nil, -3]: the lock is mine */
  readOrLead: `
local entry = redis.call('GET', KEYS[1])
if entry then return {entry, 0} end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {false, -3} end
return {false, redis.call('PTTL', KEYS[2])}`,

  /** lock; mine, its time */
  lead: `redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1`,

  /** lock; mine, its time -> whether it is mine still */
  keep: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,

  /** lock; mine */
  release: `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`,

  /** entry, lock; mine, bytes, lifetime -> whether it is stored */
  fill: `${STORE}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
store(KEYS[1], ARGV[2], ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,

  /** entry, lock; bytes, lifetime */
  set: `${STORE}
store(KEYS[1], ARGV[1], ARGV[2]) redis.call('DEL', KEYS[2]) return 1`,

  /** entry, lock; bytes, lifetime -> whether it is stored */
  setIfAbsent: `${STORE}${ENTRY_IN}
if entry_in(KEYS[1]) then return 0 end
store(KEYS[1], ARGV[1], ARGV[2]) redis.call('DEL', KEYS[2]) return 1`,

  /** entry, lock; bytes, lifetime, version | '' -> whether it is stored */
  setIfVersion: `${STORE}${ENTRY_IN}
local entry = entry_in(KEYS[1])
if (entry and string.sub(entry, 3, 18) or '') ~= ARGV[3] then return 0 end
store(KEYS[1], ARGV[1], ARGV[2]) redis.call('DEL', KEYS[2]) return 1`,

  /** entry, lock -> whether there was one; what it was, if its tags tell */
  remove: `${BEARS}
local entry = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
if entry and bears(entry) then return entry end
return entry and 1 or 0`,

  /** entry; version: removes what is known to be void */
  removeVersion: `
local entry = redis.call('GET', KEYS[1])
if entry and string.sub(entry, 3, 18) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`,

  /** entry, lock -> bytes */
  take: `
local entry = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
return entry`,

  /** entry; lifetime, '' | '1': its tags are looked at -> whether there is one; 2: its tags are to be looked at */
  touch: `${BEARS}${STAMP}${ENTRY_IN}
local entry = entry_in(KEYS[1])
if not entry or string.sub(entry, 1, 2) ~= 'F1' then return 0 end
if ARGV[2] == '' and bears(entry) then return 2 end
local ttl = tonumber(ARGV[1])
if ttl < 0 then redis.call('DEL', KEYS[1]) return 1 end
if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) else redis.call('PERSIST', KEYS[1]) end
stamp(KEYS[1], ttl)
return 1`,

  /** entry, lock; amount, lifetime, head of a new one, its version, '' | '1' -> [number, lifetime] | nil: it is no number | 2 */
  count: `${STORE}${ENTRY_IN}${NUMBER_IN}${TEXT_OF}${BEARS}
local entry = entry_in(KEYS[1])
if entry and ARGV[5] == '' and bears(entry) then return 2 end
local number, head = 0, ARGV[3]
if entry then
  number = number_in(entry)
  if not number then return false end
  local extras = tonumber(string.sub(entry, 22, 27), 16)
  head = 'F1' .. ARGV[4] .. string.sub(entry, 19, 39 + extras)
end
number = number + tonumber(ARGV[1])
local text = text_of(number)
if entry then redis.call('SET', KEYS[1], head .. text, 'KEEPTTL') else store(KEYS[1], head .. text, ARGV[2]) end
redis.call('DEL', KEYS[2])
return {text, redis.call('PTTL', KEYS[1])}`,

  /** tags...; new version, lifetime -> versions: each has one from now on */
  versions: `
local seen = {}
for at, name in ipairs(KEYS) do
  redis.call('SET', name, ARGV[1], 'NX')
  if tonumber(ARGV[2]) > 0 then
    if redis.call('PTTL', name) < tonumber(ARGV[2]) then redis.call('PEXPIRE', name, ARGV[2]) end
  else redis.call('PERSIST', name) end
  seen[at] = redis.call('GET', name)
end
return seen`,

  /** epoch, then pairs of a tag and its note; new version */
  invalidate: `
redis.call('SET', KEYS[1], ARGV[1])
for at = 2, #KEYS, 2 do
  redis.call('SET', KEYS[at], ARGV[1], 'XX', 'KEEPTTL')
  redis.call('SET', KEYS[at + 1], '', 'PX', 1)
end
return 1`,
};

/** @typedef {keyof typeof texts} Step */

const hashes = /** @type {Record<Step, string>} */ (
  Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
  )
);

/**
 * @param {(args: (string | Buffer)[]) => Promise<any>} call
 * @param {Step} step
 * @param {string[]} names of keys
 * @param {(string | Buffer)[]} [values]
 */
async function inOneStep(call, step, names, values = []) {
  const rest = [String(names.length), ...names, ...values];
  try {
    return await call(['EVALSHA', hashes[step], ...rest]);
  } catch (error) {
    if (!/^NOSCRIPT/.test(String(/** @type {any} */ (error)?.message))) throw error;
    return call(['EVAL', texts[step], ...rest]);
  }
}

module.exports = { inOneStep };

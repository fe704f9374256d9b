/**
 * Every option of `flotilla start`, in one table: its flag, its name in a configuration, its variable in the environment,
 * and what it may be. Arguments, configuration, help, completion and documents are all read from here.
 */

const check = require('../base/check.js');
const { duration, size } = require('./units.js');

/**
 * @typedef {object} Kind
 * @property {'string' | 'boolean'} type
 * @property {boolean} [many] whether it may be given several times
 * @property {readonly string[]} [words] what it may be, for completion
 * @property {'file' | 'folder'} [place] what completion offers
 * @property {(name: string, value: any) => any} read the value of what was given, as text or as a configuration has it
 */
/**
 * @typedef {object} Knob
 * @property {string} key its name in a configuration
 * @property {string} [flag] without the dashes
 * @property {string} [short]
 * @property {string[]} [env] variables of the environment, the first that is set counts
 * @property {Kind} kind
 * @property {string} [takes] what the help shows in the place of its value
 * @property {'start' | 'balancing' | 'readiness' | 'recycling'} topic where the help shows it
 * @property {string} help
 */

const strategies = /** @type {const} */ ([
  'round-robin',
  'least-connections',
  'resource-aware',
  'least-loaded',
]);

/** @type {Kind} */
const text = { type: 'string', read: check.text };
/** @type {Kind} */
const file = { ...text, place: 'file' };
/** @type {Kind} */
const folder = { ...text, place: 'folder' };
/** @type {Kind} */
const time = { type: 'string', read: duration };
/** @type {Kind} */
const bytes = { type: 'string', read: size };

/** What a number is written as, where it is one. @param {unknown} value */
const numeric = (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value);

/** @param {number} from @param {number} to @returns {Kind} */
const whole = (from, to) => ({
  type: 'string',
  read: (name, value) => {
    const number = numeric(value);
    if (typeof number === 'number') return check.whole(from, to)(name, number);
    throw check.invalid(name, `a whole number from ${from} to ${to}`, value);
  },
});

/** @type {Kind} */
const flag = {
  type: 'boolean',
  read: (name, value) => {
    if (value === true || value === 'true' || value === '1') return true;
    if (value === false || value === 'false' || value === '0') return false;
    throw check.invalid(name, 'true or false', value);
  },
};

/** @param {readonly string[]} words @returns {Kind} */
const oneOf = (words) => ({
  type: 'string',
  words,
  read: (name, value) => {
    if (words.includes(value)) return value;
    throw check.invalid(name, `one of ${words.join(', ')}`, value);
  },
});

/** @param {Kind} each @param {RegExp | string} between @returns {Kind} of a list; text is cut where `between` is */
const listOf = (each, between) => ({
  ...each,
  many: true,
  read: (name, value) => {
    const parts = typeof value === 'string' ? value.split(between).filter((part) => part !== '') : value;
    if (!Array.isArray(parts)) throw check.invalid(name, 'a text or a list of texts', value);
    return parts.map((part) => each.read(name, part));
  },
});

const MOST_WORKERS = 512;
/** @type {Kind} */
const workers = {
  type: 'string',
  words: ['auto'],
  read: (name, value) => {
    if (value === 'auto' || value === 'max') return 'auto';
    const number = numeric(value);
    if (typeof number === 'number') return check.whole(1, MOST_WORKERS)(name, number);
    throw check.invalid(name, `a whole number from 1 to ${MOST_WORKERS}, or auto`, value);
  },
};

/** A name stands in the path of a socket. @type {Kind} */
const name = {
  type: 'string',
  read: (label, value) => {
    if (typeof value === 'string' && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,49}$/.test(value)) return value;
    throw check.invalid(label, 'a name of up to 50 letters, digits and . _ -', value);
  },
};

/** What tells visitors apart, as `stickyLoadBalancer` has it. @type {Kind} */
const visitor = {
  type: 'string',
  words: ['ip', 'cookie:', 'header:', 'query:'],
  read: (label, value) => {
    if (typeof value === 'string' && /^(ip|(cookie|header|query):[\w.-]{1,100})$/.test(value)) return value;
    throw check.invalid(label, "'ip', 'cookie:NAME', 'header:NAME' or 'query:NAME'", value);
  },
};

/** @type {Kind} */
const urlPath = {
  type: 'string',
  read: (label, value) => {
    if (typeof value === 'string' && /^\/[^?#\s]*$/.test(value)) return value;
    throw check.invalid(label, "a path that begins with '/'", value);
  },
};

/** @type {Kind} */
const environment = {
  type: 'string',
  read: (label, value) => {
    const given = Object.entries(check.record(label, value)).filter(([, each]) => each !== undefined);
    for (const [variable, each] of given) {
      if (!['string', 'number', 'boolean'].includes(typeof each)) {
        throw check.invalid(`${label}.${variable}`, 'a string, a number or a boolean', each);
      }
    }
    return Object.fromEntries(given.map(([variable, each]) => [variable, String(each)]));
  },
};

/** @type {Knob[]} */
const knobs = [
  { key: 'script', kind: text, topic: 'start', help: 'the program of each worker' },
  {
    key: 'args',
    kind: listOf({ type: 'string', read: (label, value) => argument(label, value) }, /\s+/),
    topic: 'start',
    help: 'its arguments',
  },
  {
    key: 'env',
    kind: environment,
    topic: 'start',
    help: 'variables for it, where the environment has none of that name',
  },
];

/** @param {string} label @param {unknown} value */
function argument(label, value) {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw check.invalid(label, 'a text', value);
}

/**
 * @param {Knob['topic']} topic
 * @param {string} flagAndValue such as `workers N`
 * @param {Kind} kind
 * @param {string} help
 * @param {Partial<Knob>} [more]
 */
function knob(topic, flagAndValue, kind, help, more = {}) {
  const [name, takes] = flagAndValue.split(' ');
  const key = name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  const env = [`FLOTILLA_${name.toUpperCase().replaceAll('-', '_')}`];
  knobs.push({ key, flag: name, env, takes, kind, topic, help, ...more });
}

knob('start', 'workers N', workers, 'how many; auto is one for each core', {
  short: 'w',
  env: ['FLOTILLA_WORKERS', 'WEB_CONCURRENCY'],
});
knob('start', 'name NAME', name, 'what other verbs call it by', { short: 'n' });
knob('start', 'port PORT', whole(0, 65_535), 'PORT of the app', {
  short: 'p',
  env: ['FLOTILLA_PORT', 'PORT'],
});
knob('start', 'env-file FILE', listOf(file, ','), 'variables for the app; read again at a reload');
knob('start', 'config FILE', file, 'in the place of flotilla.config.*', { short: 'c' });
knob('start', 'cwd FOLDER', folder, 'the folder of the app');
knob(
  'start',
  'node-arg ARG',
  listOf({ type: 'string', read: argument }, /\s+/),
  'an argument for Node in the workers',
);
knob('start', 'watch', flag, 'reload when a file of the app changes');
knob('start', 'watch-path PATH', listOf({ ...file }, ','), 'what to watch, in the place of the folder');
knob(
  'start',
  'prefix WHEN',
  oneOf(['auto', 'always', 'never']),
  'lines with their worker; auto: on a terminal',
);
knob('start', 'grace TIME', time, 'what a stop or a reload waits for requests (10s)');
knob('start', 'cache-memory SIZE', bytes, 'the most for all shared caches');
knob('start', 'control PATH', text, 'the control socket, in the place of its own path');

knob('balancing', 'strategy NAME', oneOf(strategies), 'which worker takes a connection (round-robin)');
knob('balancing', 'sticky BY', visitor, 'one worker a visitor, by ip, cookie:NAME, ...');
knob(
  'balancing',
  'mode MODE',
  oneOf(['auto', 'handoff', 'proxy']),
  'hand sockets over, or forward bytes (auto)',
);
knob('balancing', 'rebalance', flag, 'move idle connections to less loaded workers');
knob('balancing', 'proxy-protocol V', oneOf(['v1', 'v2']), 'tell workers whose connection is forwarded');

knob('balancing', 'inspection-timeout TIME', time, 'how long to wait for a head (10ms)');
knob('balancing', 'max-header-bytes N', whole(1, 2 ** 20), 'how much of a head is looked at (16384)');
knob('balancing', 'respawn', flag, 'replace workers that die; --no-respawn does not');

knob('readiness', 'ready-path PATH', urlPath, 'ready when a GET of it answers below 400');
knob('readiness', 'wait-ready', flag, "ready when the app calls process.send('ready')");
knob('readiness', 'ready-timeout TIME', time, 'how long a worker may take to get ready (30s)');
knob('readiness', 'delay TIME', time, 'serve on for so long after SIGTERM (0)');
knob('readiness', 'health-endpoints', flag, 'answer /health, /ready and /live for the app');
knob('readiness', 'health-port PORT', whole(0, 65_535), 'answer them at a port of their own');
knob('readiness', 'admin-port PORT', whole(0, 65_535), 'a page and figures of the server, at this port');
knob('readiness', 'admin-host HOST', text, 'where that is; not 127.0.0.1 needs a token');
knob('readiness', 'admin-actions', flag, 'steer it from there, with FLOTILLA_ADMIN_TOKEN');

knob('recycling', 'max-memory SIZE', bytes, 'replace a worker that holds more');
knob(
  'recycling',
  'max-requests N',
  whole(1, 2 ** 31 - 1),
  'replace a worker after so many, a tenth more or less',
);
knob('recycling', 'max-lag TIME', time, 'replace a worker whose event loop is later than this');
knob('recycling', 'max-age TIME', time, 'replace a worker that is older, a tenth more or less');

/** Those that a command line has. */
const flags = knobs.filter((each) => each.flag !== undefined);
/** @type {Map<string, Knob>} */
const byKey = new Map(knobs.map((each) => [each.key, each]));

module.exports = { MOST_WORKERS, byKey, flags, knobs, strategies, workersKind: workers };

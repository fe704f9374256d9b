/**
 * The clients of Redis that a tier works with: ioredis 5 and 6, and redis (node-redis) 5 and 6. The client is the user's, and
 * does all that a cache asks for. One connection more, a duplicate of it, hears which entries have changed; in a cluster, one to
 * each node that has entries.
 *
 * That connection has the server redirect to itself what it is told, and subscribes to it: so it works with clients and
 * servers that know nothing newer than the second version of the protocol.
 */

const { createError } = require('../errors.js');

/** The channel on which a server tells of what has changed. */
const CHANNEL = '__redis__:invalidate';
/** How node-redis calls the type of a string in an answer. */
const BLOB = 36;
const ANSWERS = { typeMapping: { [BLOB]: Buffer } };

/** @typedef {(string | Buffer)[]} Command */
/** @typedef {(args: Command) => Promise<any>} Call */
/** A connection that hears of changes. @typedef {{ command: (args: string[]) => Promise<any>, listen: (heard: (names: Buffer[] | null) => void) => Promise<void>, ping: () => Promise<any>, close: () => void }} Line */
/** One to each node that has entries, and whether these are still all of them. @typedef {{ lines: Line[], areAll: () => Promise<boolean> }} Lines */
/** What a miss asks, the shortest way. @typedef {(name: string) => Promise<Buffer | null>} Get */
/** @typedef {{ target: string, isCluster: boolean, isConnected: () => boolean, call: Call, get: Get, calls: () => Promise<Call[]>, open: (lost: (error?: Error) => void) => Promise<Lines> }} Client */

/** @param {string} why */
const refused = (why) => createError('FLOTILLA_ERR_TIER_CLIENT', [why]);

/** @param {string} keyPrefix */
const prefixed = (keyPrefix) =>
  refused(`it has the keyPrefix "${keyPrefix}": give that to redisTier as its "prefix"`);

/** @param {unknown} names as either client gives them */
const namesIn = (names) => (Array.isArray(names) ? names : null);

/** @param {any} client @returns {Call} */
const ofIoredis =
  (client) =>
  ([name, ...args]) =>
    client.callBuffer(name, ...args);

/** @param {any} client one of a single server @param {object} where it is another one @param {(error?: Error) => void} lost @returns {Promise<Line>} */
async function lineOfIoredis(client, where, lost) {
  const own = client.duplicate({
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: () => null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    ...where,
  });
  own.on('error', () => {});
  own.on('end', () => lost());
  await own.connect();
  // The user's own client says how long the process lives.
  own.stream?.unref?.();
  return {
    command: ([name, ...args]) => own.call(name, ...args),
    listen: async (heard) => {
      own.on('messageBuffer', (/** @type {any} */ _channel, /** @type {any} */ names) =>
        heard(namesIn(names)),
      );
      await own.subscribe(CHANNEL);
    },
    ping: () => own.ping(),
    close: () => own.disconnect(),
  };
}

/** @param {any} client @returns {Client} */
function fromIoredis(client) {
  const { host, port, path, db = 0, keyPrefix, sentinels, name } = client.options;
  if (keyPrefix) throw prefixed(keyPrefix);
  const isConnected = () => !['end', 'close'].includes(client.status);
  const call = ofIoredis(client);
  /** @type {Get} */
  const get = (name) => client.getBuffer(name);
  if (client.isCluster) {
    return ofCluster(call, {
      get,
      target: textOf(
        client.startupNodes.map((/** @type {any} */ node) =>
          node.host ? `${node.host}:${node.port}` : node,
        ),
      ),
      isConnected,
      calls: async () => client.nodes('master').map(ofIoredis),
      line: async (where, lost) => lineOfIoredis(client.nodes('master')[0], where, lost),
    });
  }
  const where = sentinels ? `${name}@${JSON.stringify(sentinels)}` : (path ?? `${host}:${port}`);
  return ofServer({ call, get }, `${where}/${db}`, isConnected, (lost) => lineOfIoredis(client, {}, lost));
}

/** @param {any} client one of a single server @returns {Call} */
const ofNodeRedis = (client) => (args) => client.sendCommand(args, ANSWERS);

/** @param {any} client one of a single server @param {object} where it is another one @param {(error?: Error) => void} lost @returns {Promise<Line>} */
async function lineOfNodeRedis(client, where, lost) {
  const own = client.duplicate({
    RESP: 2,
    maintNotifications: 'disabled',
    clientSideCache: undefined,
    emitInvalidate: false,
    disableOfflineQueue: true,
    socket: { ...client.options?.socket, reconnectStrategy: false, ...where },
  });
  own.on('error', lost);
  own.on('end', () => lost());
  await own.connect();
  own.unref();
  return {
    command: (args) => own.sendCommand(args),
    listen: (heard) => own.subscribe(CHANNEL, (/** @type {any} */ names) => heard(namesIn(names)), true),
    ping: () => own.ping(),
    close: () => own.destroy(),
  };
}

/** What a client by Sentinel of node-redis was made with, which it tells only to a duplicate of itself. @param {any} client */
function optionsOfSentinel(client) {
  if (typeof client.duplicate !== 'function') {
    throw refused(
      'one by Sentinel of redis (node-redis) 5 does not say whom it asks: take redis 6 or ioredis',
    );
  }
  class Told {
    /** @param {any} options */
    constructor(options) {
      this.options = options;
    }
  }
  const asTold = Object.create(client, { constructor: { value: Told } });
  return Object.create(asTold).duplicate().options;
}

/** @param {any} client of node-redis, by Sentinel @returns {Client} */
function fromSentinel(client) {
  const { name, sentinelRootNodes, keyPrefix, nodeClientOptions } = optionsOfSentinel(client);
  if (keyPrefix) throw prefixed(keyPrefix);
  const isOfReplica = false;
  /** @type {Call} */
  const call = (args) => client.sendCommand(isOfReplica, args, ANSWERS);
  /** @type {Get} */
  const get = (key) => client.sendCommand(isOfReplica, ['GET', key], ANSWERS);
  const master = () => client._execute(isOfReplica, async (/** @type {any} */ node) => node);
  const placeOf = (/** @type {any} */ { options }) => `${options.socket.host}:${options.socket.port}`;
  const where = `${name}@${JSON.stringify(sentinelRootNodes)}/${nodeClientOptions?.database ?? 0}`;
  return {
    target: where,
    isCluster: false,
    isConnected: () => client.isOpen,
    call,
    get,
    calls: async () => [call],
    open: async (lost) => {
      const node = await master();
      // Who was the master may go on to answer, cut off from the others.
      const areAll = async () => placeOf(await master()) === placeOf(node);
      return { lines: [await lineOfNodeRedis(node, {}, lost)], areAll };
    },
  };
}

/** Which of a command's words the cluster routes it by. @param {Command} command */
const routedBy = ([name, ...args]) =>
  String(name).startsWith('EVAL') ? args[2] : ROUTED.has(name) ? args[0] : undefined;
/** @type {Set<string | Buffer>} */
const ROUTED = new Set(['GET', 'SET', 'DEL', 'MGET', 'PTTL']);

/** @param {any} client @returns {Client} */
function fromNodeRedis(client) {
  const isConnected = () => client.isOpen;
  const keyPrefix = client.options?.keyPrefix ?? client._options?.keyPrefix;
  if (keyPrefix) throw prefixed(keyPrefix);
  if (client.masters !== undefined) {
    const nodes = () => Promise.all(client.masters.map((/** @type {any} */ node) => client.nodeClient(node)));
    const roots = client._options?.rootNodes ?? [];
    return ofCluster((args) => client.sendCommand(routedBy(args), false, args, ANSWERS), {
      get: (name) => client.sendCommand(name, false, ['GET', name], ANSWERS),
      target: textOf(
        roots.map((/** @type {any} */ { url, socket }) =>
          url ? new URL(url).host : `${socket?.host}:${socket?.port}`,
        ),
      ),
      isConnected,
      calls: async () => (await nodes()).map(ofNodeRedis),
      line: async (where, lost) => lineOfNodeRedis((await nodes())[0], where, lost),
    });
  }
  const { socket = {}, database = 0, url } = client.options ?? {};
  const { host = 'localhost', port = 6379, path } = socket;
  const where = path ?? (url ? new URL(url).host : `${host}:${port}`);
  const call = ofNodeRedis(client);
  /** @type {Get} */
  const get = (name) => client.sendCommand(['GET', name], ANSWERS);
  return ofServer({ call, get }, `${where}/${database}`, isConnected, (lost) =>
    lineOfNodeRedis(client, {}, lost),
  );
}

/** @param {{ call: Call, get: Get }} calls @param {string} target @param {() => boolean} isConnected @param {(lost: (error?: Error) => void) => Promise<Line>} line @returns {Client} */
const ofServer = ({ call, get }, target, isConnected, line) => ({
  target,
  isCluster: false,
  isConnected,
  call,
  get,
  calls: async () => [call],
  open: async (lost) => ({ lines: [await line(lost)], areAll: async () => true }),
});

/** @param {string[]} nodes */
const textOf = (nodes) => `cluster of ${nodes.map(String).sort().join(' ')}`;

/** The nodes that have slots, by what the cluster says of itself. @param {Call} call @returns {Promise<{ host: string, port: number }[]>} */
async function mastersBy(call) {
  /** @type {[from: number, to: number, master: [host: Buffer, port: number]][]} */
  const slots = await call(['CLUSTER', 'SLOTS']);
  const known = new Map(slots.map(([, , [host, port]]) => [`${host}:${port}`, { host: String(host), port }]));
  return [...known.keys()]
    .sort()
    .map((name) => /** @type {{ host: string, port: number }} */ (known.get(name)));
}

/**
 * @param {Call} call
 * @param {{ target: string, isConnected: () => boolean, get: Get, calls: () => Promise<Call[]>, line: (where: object, lost: (error?: Error) => void) => Promise<Line> }} of
 * @returns {Client}
 */
const ofCluster = (call, { line, ...of }) => ({
  ...of,
  isCluster: true,
  call,
  open: async (lost) => {
    const masters = await mastersBy(call);
    const opening = masters.map((where) => line(where, lost));
    const opened = await Promise.allSettled(opening);
    const lines = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (lines.length < opened.length) {
      for (const { close } of lines) close();
      await Promise.all(opening);
    }
    const areAll = async () => JSON.stringify(await mastersBy(call)) === JSON.stringify(masters);
    return { lines, areAll };
  },
});

/**
 * @param {any} client
 * @returns {Client}
 */
function readClient(client) {
  if (typeof client !== 'object' || client === null) throw refused('it is no client');
  const isIoredis = typeof client.callBuffer === 'function' && typeof client.status === 'string';
  const isNodeRedis =
    typeof client.sendCommand === 'function' && typeof client.withTypeMapping === 'function';
  if (!isIoredis && !isNodeRedis) {
    throw refused('it is neither one of ioredis 5 or 6 nor one of redis (node-redis) 5 or 6');
  }
  const isBySentinel = typeof client.getSentinelNode === 'function';
  const read = isIoredis ? fromIoredis(client) : isBySentinel ? fromSentinel(client) : fromNodeRedis(client);
  if (!read.isConnected()) throw refused('it is not connected: connect it first');
  return read;
}

/** Whether the server has answered, and says no to this one command. @param {any} error */
const isRefusal = (error) => /^(OOM|WRONGTYPE|NOPERM|ERR|NOSCRIPT|NOPROTO)\b/.test(String(error?.message));

module.exports = { isRefusal, readClient };

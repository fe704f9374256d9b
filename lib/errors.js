/**
 * The table of every error that Flotilla raises on purpose: one row a code, declared once.
 *
 * A code is a promise: it is never reused and never reworded. `docs/errors.md` is generated from this table,
 * the union in `index.d.ts` and the native part in `src/error.rs` are compared with it by tests.
 */

/** @import { FlotillaErrorCode } from '../index.js' */
/** @typedef {'caller' | 'system' | 'flotilla'} Fault */

/**
 * @typedef {object} Row
 * @property {Fault} fault who has to act to make it go away
 * @property {boolean} retryCanHelp whether the same call may succeed later, with nothing changed by the caller
 * @property {ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor} base what it is an instance of
 * @property {string} meaning what happened, for the documentation
 * @property {string} remedy what to do, for the documentation
 * @property {(...details: string[]) => string} message
 */

const BUILD = 'To build it, install a Rust toolchain, clone the repository and run "npm run build"';

/** @type {Readonly<Record<FlotillaErrorCode, Row>>} */
const table = {
  FLOTILLA_ERR_INVALID_ARGUMENT: {
    fault: 'caller',
    retryCanHelp: false,
    base: TypeError,
    meaning: 'An argument has the wrong type or lies outside its range. Nothing was changed by the call.',
    remedy: 'The message names the argument, what was passed and what it takes.',
    message: (name, expected, actual) => `${name} must be ${expected}; it is ${actual}`,
  },
  FLOTILLA_ERR_UNKNOWN_OPTION: {
    fault: 'caller',
    retryCanHelp: false,
    base: TypeError,
    meaning:
      'An option has a name that is not known, or one that means nothing here. Nothing was changed by the call.',
    remedy:
      'The message names the option that was meant, or what to do instead. Leave out what is not needed.',
    message: (what, name, advice) => `${what} takes no option "${name}": ${advice}`,
  },
  FLOTILLA_ERR_SIGNAL_CYCLE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A computed reads itself, or an effect keeps changing what it reads.',
    remedy:
      'Break the circle: read one of its members with `untracked`, or write only when the value has to change.',
    message: (circle) =>
      `${circle}. Read one of them with untracked(), or write only when the value has to change`,
  },
  FLOTILLA_ERR_DUPLICATE_KEY: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'Two living signals were given the same `key`, so serialized data could not tell them apart.',
    remedy: 'Give each signal a key of its own, and make signals with a key once, at module level.',
    message: (key) =>
      `There is a signal with the key "${key}" already. Give each signal a key of its own, ` +
      'and make signals with a key once, at module level',
  },
  FLOTILLA_ERR_SCOPE_DESTROYED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A method of a server scope was called after its `destroy()`.',
    remedy: 'Destroy the server scope last, when no request can come any more.',
    message: () => 'ServerScope has been destroyed',
  },
  FLOTILLA_ERR_OUT_OF_RANGE: {
    fault: 'caller',
    retryCanHelp: false,
    base: RangeError,
    meaning: 'A number lies outside the range of its argument. Nothing was changed by the call.',
    remedy: 'The message names the argument, what was passed and what it takes.',
    message: (name, expected, actual) => `${name} must be ${expected}; it is ${actual}`,
  },
  FLOTILLA_ERR_NO_CANDIDATES: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning: 'A strategy was called without a worker to choose.',
    remedy: 'Call it with at least one candidate; where none is ready yet, wait until one is.',
    message: () => 'There is no worker to choose: candidates is empty. Wait until one is ready',
  },
  FLOTILLA_ERR_INTERNAL: {
    fault: 'flotilla',
    retryCanHelp: false,
    base: Error,
    meaning: 'An invariant of Flotilla’s own does not hold.',
    remedy: 'Report it, with the message and what `versions` shows.',
    message: (what) => `${what}. This is a bug in Flotilla: please report it`,
  },
  FLOTILLA_ERR_NODE_VERSION: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'The running Node.js is older than the oldest one that Flotilla supports.',
    remedy: 'Install a Node.js of the version that the message names, or a later one.',
    message: (actual, oldest) =>
      `Flotilla needs Node.js ${oldest} or later; this is ${actual}. Install a newer Node.js`,
  },
  FLOTILLA_ERR_RUNTIME_UNSUPPORTED: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'The program runs on Bun or on Deno, and the addon runs on Node.js alone.',
    remedy: 'Run the program with Node.js. `flotilla/core` needs no addon, and runs on both.',
    message: (runtime) =>
      `Flotilla’s addon runs on Node.js alone, and this is ${runtime}. Run the program with Node.js; ` +
      'flotilla/core, the signals, runs here too',
  },
  FLOTILLA_ERR_PLATFORM_UNSUPPORTED: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'There is no prebuilt addon for this operating system and processor.',
    remedy: 'Build the addon from source, on this machine.',
    message: (platform, known) =>
      `Flotilla has no prebuilt addon for ${platform}; there is one for each of ${known}. ${BUILD}`,
  },
  FLOTILLA_ERR_ADDON_MISSING: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'The platform is supported, and its addon is not installed.',
    remedy:
      'Install again with optional dependencies, on the platform that the program will run on; ' +
      'a `node_modules` copied from another platform brings the wrong addon.',
    message: (platform, places) =>
      `Flotilla’s addon for ${platform} is not installed; looked for ${places}. ` +
      `Install again with "npm install --include=optional", on the machine it will run on. ${BUILD}`,
  },
  FLOTILLA_ERR_ADDON_NOT_BUNDLED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A bundler has put Flotilla into a file, and the addon is not beside it.',
    remedy:
      'Leave `flotilla` out of the bundle and install it where the bundle runs; or have the bundler take the addon in, or put it beside the ' +
      'bundle. The document about frameworks has the setting for each bundler.',
    message: (platform, places) =>
      `Flotilla’s addon for ${platform} is not in this bundle; looked for ${places}. Leave flotilla out of the bundle ` +
      '(webpack: externals; esbuild: --external:flotilla; Next: serverExternalPackages) and install it where the bundle runs',
  },
  FLOTILLA_ERR_ADDON_FOREIGN: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning:
      'The file found in the addon’s place cannot be loaded here, or is not Flotilla’s. The `cause` has the reason.',
    remedy: 'Remove `node_modules` and install again, on the machine that the program will run on.',
    message: (file, reason) =>
      `${file} is not an addon of Flotilla that this Node.js can load: ${reason}. ` +
      'Remove node_modules and install again, on the machine it will run on',
  },
  FLOTILLA_ERR_ADDON_VERSION: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'The addon comes from another release than the JavaScript.',
    remedy:
      'Install again, so that `flotilla` and its platform package have one version; in a clone, build again.',
    message: (file, actual, expected) =>
      `${file} is version ${actual}, and the JavaScript is ${expected}. ` +
      'Install again, so that both have one version; in a clone, run "npm run build"',
  },
  FLOTILLA_ERR_EXPRESS_MISSING: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: '`express` was used, and neither `ultimate-express` nor `express` is installed.',
    remedy: 'Install one of them beside Flotilla.',
    message: () =>
      'Flotilla’s express is the one that is installed, and neither "ultimate-express" nor "express" is. ' +
      'Install one: "npm install express"',
  },
  FLOTILLA_ERR_PEER_MISSING: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'An adapter was used whose package is not installed.',
    remedy: 'Install the package that the message names.',
    message: (entry, name, wanted) =>
      `${entry} plugs into "${name}", which is not installed. Install it: "npm install ${wanted}"`,
  },
  FLOTILLA_ERR_PEER_VERSION: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'An adapter was used with a version of its package that it does not know.',
    remedy:
      'Install a version that it knows, as the message says; or a newer Flotilla, if the package is newer.',
    message: (entry, found, wanted) =>
      `${entry} does not know version ${found}. Install one that it knows: "npm install ${wanted}"`,
  },
  FLOTILLA_ERR_CONFLICTING_OPTIONS: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A namespace exists, and was made with other options than those now asked for.',
    remedy:
      'Give all instances of one namespace the same options, or another namespace. The message names each difference.',
    message: (text) => text,
  },
  FLOTILLA_ERR_INVALID_SIZE: {
    fault: 'caller',
    retryCanHelp: false,
    base: TypeError,
    meaning:
      'The `size` of an entry is missing, is no positive integer, or is given where the cache counts no sizes.',
    remedy: 'Give every write a `size` where the cache has `maxSize` or `maxEntrySize`, and none elsewhere.',
    message: (text) => text,
  },
  FLOTILLA_ERR_NOT_A_NUMBER: {
    fault: 'caller',
    retryCanHelp: false,
    base: TypeError,
    meaning: '`incr` or `decr` met a value that is not a number. It was left as it is.',
    remedy: 'Use keys for counters that hold nothing else.',
    message: (text) => text,
  },
  FLOTILLA_ERR_UPDATE_CONFLICT: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning:
      '`update` made a value, and another one had been stored meanwhile, each time that it tried. It stored nothing.',
    remedy:
      'Give it more `retries`, or make the function shorter; use `incr` for counters, which never meets anyone.',
    message: (key, tries) =>
      `The value for key ${key} was changed by others each of the ${tries} times that update() made a new one; ` +
      'nothing was stored. Give it more retries, or make its function shorter',
  },
  FLOTILLA_ERR_KEY_TOO_LARGE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A key is longer than a key can be.',
    remedy: 'Use a digest of what the key is made from.',
    message: (text) => text,
  },
  FLOTILLA_ERR_VALUE_TOO_LARGE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'The entry could not fit the segment even if it were alone in it.',
    remedy: 'Raise `memory` in `LRUCacheClustered.bootstrap`, or store less.',
    message: (text) => text,
  },
  FLOTILLA_ERR_OUT_OF_MEMORY: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning: 'The memory for the caches is full, and nothing was left that could be evicted for the entry.',
    remedy: 'Raise `memory` in `LRUCacheClustered.bootstrap`, or the limit of the container.',
    message: (text) => text,
  },
  FLOTILLA_ERR_TOO_MANY_NAMESPACES: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'As many namespaces exist at once as a segment can hold.',
    remedy: 'Use fewer namespaces, with the name as a part of the key; `destroy()` those that are done with.',
    message: (text) => text,
  },
  FLOTILLA_ERR_SEGMENT_UNAVAILABLE: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'The system gave no shared memory.',
    remedy:
      'The message has the system’s reason. Look at the limits of the container, and at what its seccomp profile allows.',
    message: (text) => text,
  },
  FLOTILLA_ERR_SEGMENT_UNREACHABLE: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'No way led from this worker to the memory of its primary.',
    remedy:
      'Import flotilla in the primary before `cluster.fork()`. Where that is so, look at what keeps the processes apart: another user, another container, `hidepid`.',
    message: (text) => text,
  },
  FLOTILLA_ERR_SEGMENT_MISMATCH: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'The primary’s segment was made by another version of Flotilla, or is none.',
    remedy: 'Let the primary and its workers load one version of Flotilla.',
    message: (text) => text,
  },
  FLOTILLA_ERR_SEGMENT_DAMAGED: {
    fault: 'system',
    retryCanHelp: false,
    base: Error,
    meaning: 'The segment is truncated, or its header contradicts itself.',
    remedy: 'Restart the primary. If it happens again, report it.',
    message: (text) => text,
  },
  FLOTILLA_ERR_LOCK_HELD: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning:
      'Another process has kept a lock of the cache for as long as this one waits: it may be stopped, frozen or writing a core dump. Nothing was changed.',
    remedy: 'Try again; continue or end the process that the message names.',
    message: (text) => text,
  },
  FLOTILLA_ERR_TIER_CLIENT: {
    fault: 'caller',
    retryCanHelp: false,
    base: TypeError,
    meaning: 'A cache was given a client of Redis that it cannot use as its second tier.',
    remedy: 'Give it a connected client: one of ioredis 5 or 6, or of redis (node-redis) 5 or 6.',
    message: (why) => `redisTier cannot use this client: ${why}`,
  },
  FLOTILLA_ERR_TIER_AWAY: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning:
      'Redis does not answer. Whether a change was made there is not known; the entry is removed there as soon as it answers.',
    remedy: 'Try again; see that the server runs. `whenAway` says what a cache does meanwhile.',
    message: (why) => `Redis is away: ${why}`,
  },
  FLOTILLA_ERR_TIER_REFUSED: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning:
      'Redis has refused a command: it may be out of memory, or its rules may forbid it. Nothing was changed.',
    remedy: 'The message is that of the server.',
    message: (said) => `Redis has refused: ${said}`,
  },
  FLOTILLA_ERR_TIER_SYNC: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A cache with a second tier was to be changed without a promise. Nothing was changed.',
    remedy: 'Call the method of the same name of the cache itself, and await it.',
    message: (name) => `sync.${name}() cannot wait for Redis: await ${name}() of the cache itself`,
  },
  FLOTILLA_ERR_VALUE_NOT_CLONEABLE: {
    fault: 'caller',
    retryCanHelp: false,
    base: TypeError,
    meaning:
      'A value holds something that means nothing to another process: a function, a symbol, a promise, a weak reference. ' +
      'Nothing was stored.',
    remedy: 'The message names the key and the path to it. Store data only.',
    message: (key, fault) =>
      `The value for key ${key} cannot be stored: ${fault}, which means nothing to another process`,
  },
  FLOTILLA_ERR_FETCH_TIMEOUT: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning:
      'A `fetch` took longer than its `hardTimeout`. Its fetcher goes on, and what it brings is stored.',
    remedy:
      'Ask again: the value may be there. Where that is too short a time for the fetcher, give it a longer one.',
    message: (time) =>
      `The value did not come within hardTimeout, ${time} ms. The fetcher goes on, and what it brings is stored`,
  },
  FLOTILLA_ERR_FLIGHT_REVOKED: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning:
      'The reason with which the `signal` of a fetcher fires: its value will not be stored, because the key was changed, ' +
      'another caller leads, or the time of the option `lease` is up.',
    remedy:
      'Let the fetcher stop. Where the key was changed or another caller leads, its callers get the newer value; where the time ' +
      'was up, give `fetch` a longer `lease`.',
    message: (why) => `What this fetcher brings will not be stored: ${why}`,
  },
  FLOTILLA_ERR_SYNC_UNAVAILABLE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: '`cache.sync` was used in a worker on the IPC transport, which can only be asked with promises.',
    remedy: 'Use the methods with promises, or shared memory: `bootstrap({ transport: "shared" })`.',
    message: () => 'cache.sync needs shared memory, and this worker is on the IPC transport',
  },
  FLOTILLA_ERR_IPC_UNAVAILABLE: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning: 'On the IPC transport: the channel to the primary is closed, or too many requests wait for it.',
    remedy: 'The message says which. Where the primary is too slow, bound how much is asked of it at once.',
    message: (why) => `The cache cannot ask the primary: ${why}`,
  },
  FLOTILLA_ERR_PRIMARY_ONLY: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'The call is for the primary, and was made in a worker.',
    remedy:
      'Call it in the primary. What `getCache()` gives there, a worker has as `cache.sync`. Where another program has made this process a worker, as PM2 does in its cluster mode, servers have no workers of their own: let it start one process that is no worker.',
    message: (name, advice) =>
      `${name} is for the primary, and this is a worker${advice ? `. ${advice}` : ''}`,
  },
  FLOTILLA_ERR_MAIN_THREAD_ONLY: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'The call starts processes that run the program again, and was made in a thread of it.',
    remedy: 'Call it in the main thread. A server without workers may be in any thread.',
    message: (name) => `${name} is for the main thread of a process, and this is another one`,
  },
  FLOTILLA_ERR_NOT_PERMITTED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'Node.js runs with its permission model, which does not allow what is needed.',
    remedy: 'Start Node.js with `--allow-addons`, for servers with workers `--allow-child-process` too.',
    message: (what, flag) => `Node.js runs with --permission, and may not ${what}. Start it with ${flag}`,
  },
  FLOTILLA_ERR_BOOTSTRAP_TOO_LATE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: '`LRUCacheClustered.bootstrap` was asked for something that is settled already.',
    remedy: 'Call it once, before the first cache is made and before `cluster.fork()`.',
    message: (reason) =>
      `LRUCacheClustered.bootstrap came too late: ${reason}. Call it once, before the first cache is made and before cluster.fork()`,
  },
  FLOTILLA_ERR_SERVER_STARTED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      '`start()` was called on a server that is started, or `startServer` for another application or with other options than those that it serves.',
    remedy:
      'Call it once; `restart()` replaces what runs, and `stop()` makes a server ready for another start. For several servers in one process there is `createServers`.',
    message: (detail) => `Server already started${detail ? `: ${detail}` : ''}`,
  },
  FLOTILLA_ERR_SERVER_NOT_STARTED: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning:
      'A server that is not started, or that is being stopped, was asked for what only a started one can do.',
    remedy: 'Await `startServer()` first.',
    message: (name) => `${name} needs a server that is started. Await startServer() first`,
  },
  FLOTILLA_ERR_SERVER_NOT_READY: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning: 'A server was not ready, or its checks were not well, within `readyTimeoutMs`.',
    remedy: 'Look at the checks that the `cause` names; raise `readyTimeoutMs` if they only need longer.',
    message: () => 'Server failed to become ready',
  },
  FLOTILLA_ERR_RESOURCE_FAILED: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning:
      'A resource of a context failed to open or to close. The `cause` is what it threw. ' +
      'If one fails to open, those before it have been closed; if one fails to close, the others were closed all the same.',
    remedy: 'Mend what the message names. After a failed open, `start()` can be called again.',
    message: (name, step, reason) => `The resource "${name}" failed to ${step}: ${reason}`,
  },
  FLOTILLA_ERR_APP_FAILED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'The application could not be made: its factory threw, or returned nothing that answers requests.',
    remedy: 'Mend what the message names; the `cause` is what was thrown.',
    message: (reason) => `The application could not be made: ${reason}`,
  },
  FLOTILLA_ERR_ADDRESS_IN_USE: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning:
      'Another program, or another server of this one, listens on the address; or the socket of one that was killed is still there. The message says which, where it can be told.',
    remedy:
      'Stop the other one, or choose another port; port 0 is any free one. Remove a socket that nobody listens on.',
    message: (address, why = 'it is in use. Stop what uses it, or choose another port') =>
      `Cannot listen on ${address}: ${why}`,
  },
  FLOTILLA_ERR_HANDOFF_UNREACHABLE: {
    fault: 'system',
    retryCanHelp: true,
    base: Error,
    meaning: 'A worker could not reach the thread of its primary that hands connections over.',
    remedy:
      "Start the worker through `startServer` in a process of the same user and the same network namespace; `mode: 'proxy'` does without.",
    message: (reason) => `The primary hands no connections over to this process: ${reason}`,
  },
  FLOTILLA_ERR_LISTEN_FAILED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'The system refused to listen on the address. The `cause` has its reason.',
    remedy: 'Check the address; ports below 1024 need a privilege.',
    message: (address, reason) => `Cannot listen on ${address}: ${reason}`,
  },
  FLOTILLA_ERR_NO_PROGRAM: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'Workers run the file of the program again, and this program has none: it stands in `-e`, comes from the standard input, or is typed.',
    remedy:
      'Put it into a file, and run that; or name the file that workers run by `cluster.setupPrimary({ exec })`. A server of ' +
      '`createServer` without `workers` needs none.',
    message: (from) =>
      `Workers run the file of the program again, and this program ${from}. Put it into a file and run that, ` +
      'or name the file by cluster.setupPrimary({ exec })',
  },
  FLOTILLA_ERR_WORKER_FAILED: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning:
      'A worker of a clustered server ended unasked, was not ready in time, or failed with an error of the program.',
    remedy: 'Look at what the worker wrote before; one that was serving has been replaced.',
    message: (reason) => `A worker failed: ${reason}`,
  },
  FLOTILLA_ERR_NOT_LISTENING: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning:
      'A program that was to run on several processes ended before it listened, or was not ready in time. Old workers, where there are some, serve on.',
    remedy:
      'Look at what the program wrote. Where it needs longer, raise the ready timeout; where it is no server, let it say `process.send("ready")` and ask for that.',
    message: (reason) => `The program is not ready: ${reason}`,
  },
  FLOTILLA_ERR_ADDRESS_CHANGED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'New code listens somewhere else than the code that it was to replace. The old workers serve on.',
    remedy:
      'Let it listen where the old code does, or stop and start: clients of the old address would find nobody there.',
    message: (now, before) =>
      `The new code listens on ${now}, and not on ${before}, where the old code does. Let it listen there too, or stop and start`,
  },
  FLOTILLA_ERR_LISTENS_TWICE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'A program listens on one address twice.',
    remedy: 'Let one of its servers listen on another port, as it would have to where it is one process.',
    message: (address) =>
      `The program listens on ${address} twice. Let one of its servers listen somewhere else`,
  },
  FLOTILLA_ERR_USAGE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'The command `flotilla` was called with a verb or an argument that it does not take. Nothing was done.',
    remedy: 'The message says what was meant, or what to write. `flotilla --help` lists the verbs.',
    message: (what, advice) => `${what}: ${advice}`,
  },
  FLOTILLA_ERR_PROGRAM_MISSING: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'There is no file of the name that `flotilla start` was given, or none was given.',
    remedy: 'Name the file that `node` would be started with.',
    message: (what, advice) => `${what}. ${advice}`,
  },
  FLOTILLA_ERR_CONFIG_UNREADABLE: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'A configuration or a file of environment variables is missing, or cannot be read for what it should be.',
    remedy: 'Mend the file that the message names, or leave it out.',
    message: (file, reason) => `${file} cannot be used: ${reason}`,
  },
  FLOTILLA_ERR_NAME_TAKEN: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning: '`flotilla start` was called with a name by which another one runs already.',
    remedy: 'Stop or reload the one that runs, or choose another name.',
    message: (name, pid) =>
      `"${name}" runs already, as process ${pid}. Stop it with "flotilla stop --name ${name}", ` +
      `bring new code to it with "flotilla reload --name ${name}", or choose another --name`,
  },
  FLOTILLA_ERR_CONTROL_ABSENT: {
    fault: 'caller',
    retryCanHelp: true,
    base: Error,
    meaning: 'No `flotilla start` runs by that name.',
    remedy: 'Start it, or name the one that is meant with `--name`.',
    message: (what, advice) => `${what}. ${advice}`,
  },
  FLOTILLA_ERR_CONTROL_REFUSED: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'The control socket cannot be used: it belongs to another user, or what came over it was not understood.',
    remedy: 'Call the command as the user that started the server.',
    message: (reason) => `The control socket refuses: ${reason}`,
  },
  FLOTILLA_ERR_CONTROL_VERSION: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: 'The command and the server that it talks to are of versions that do not understand each other.',
    remedy: 'Call the `flotilla` that started the server, or start the server anew with this one.',
    message: (theirs, ours) =>
      `The server speaks version ${theirs} of the control protocol, this command version ${ours}. ` +
      'Call the flotilla that started it, or start it anew with this one',
  },
  FLOTILLA_ERR_TEST_UNKNOWN: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning: '`testServer` could not tell which test it was called in, and so not when to stop the server.',
    remedy:
      'Pass it what the runner passes to the test: `testServer(app, { test: t })`. ' +
      'For a server that several tests share, use `createServer`, and stop it in a hook.',
    message: (reason) =>
      `testServer cannot tell when to stop: ${reason}. Pass it the context of the test: testServer(app, { test: t })`,
  },
  FLOTILLA_ERR_SHUTDOWN_TIMEOUT: {
    fault: 'caller',
    retryCanHelp: false,
    base: Error,
    meaning:
      'Something did not end within `gracefulShutdownTimeoutMs`, and was not waited for any longer: ' +
      'requests were cut, or a resource is still open.',
    remedy: 'The message names it. Make it end sooner, or raise `gracefulShutdownTimeoutMs`.',
    message: (milliseconds, culprit) => `Gave up after ${milliseconds} ms: ${culprit}`,
  },
};

/**
 * Makes a class whose instances carry a row of the table, on top of a built-in error.
 *
 * @param {ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor} Base
 */
function codedClass(Base) {
  return class extends /** @type {ErrorConstructor} */ (Base) {
    /**
     * @param {FlotillaErrorCode} code
     * @param {string} message
     * @param {ErrorOptions} [options]
     */
    constructor(code, message, options) {
      super(message, options);
      this.code = code;
      this.fault = table[code].fault;
      this.retryCanHelp = table[code].retryCanHelp;
    }
  };
}

/** What Flotilla throws, unless the error is a mistake of type or range: those are `TypeError`s and `RangeError`s. */
class FlotillaError extends codedClass(Error) {}
Object.defineProperty(FlotillaError.prototype, 'name', { value: 'FlotillaError' });

const classes = new Map([
  [Error, FlotillaError],
  [TypeError, codedClass(TypeError)],
  [RangeError, codedClass(RangeError)],
]);

/**
 * Makes the error of a code, worded by its row.
 *
 * @param {FlotillaErrorCode} code
 * @param {string[]} [details] what the row's message takes
 * @param {ErrorOptions} [options]
 * @returns {import('../index.js').FlotillaError}
 */
function createError(code, details = [], options) {
  const row = table[code];
  const CodedError = classes.get(row.base) ?? FlotillaError;
  const error = new CodedError(code, row.message(...details), options);
  // The trace starts where the error was made, not in here.
  Error.captureStackTrace?.(error, createError);
  return error;
}

/**
 * Makes the error that native code raises: it has worded the message itself.
 *
 * @param {FlotillaErrorCode} code
 * @param {string} message
 */
function nativeError(code, message) {
  const CodedError = classes.get(table[code]?.base) ?? FlotillaError;
  return new CodedError(code, message);
}

/**
 * What somebody else's error says, in whatever shape it was thrown.
 *
 * @param {unknown} cause
 */
const reasonOf = (cause) => (cause instanceof Error ? cause.message : String(cause));

module.exports = { FlotillaError, createError, nativeError, reasonOf, table };

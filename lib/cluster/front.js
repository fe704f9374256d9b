/**
 * What takes connections in the primary: the shape that all fronts have, and which of them a configuration gets.
 */

/** @import { BackendCandidate, ResolvedServerConfig } from '../../index.js' */

/**
 * A worker process's place, for the life of that one process. `seat` is a small integer, free again when the process is
 * gone.
 *
 * @typedef {{ seat: number, id: string, workerIndex: number, host: string, port: number }} Seat
 */
/** The answer to requests for one path, such as `/live`. @typedef {{ path: string, status: number, body: string }} Probe */
/**
 * @typedef {object} FrontOptions
 * @property {ResolvedServerConfig} config
 * @property {number} [fd] a listening socket that was handed to this process, in the place of `host` and `port`
 * @property {() => BackendCandidate[]} candidates the workers that connections may go to, with what they last reported
 * @property {(name: string, value: number) => void} count told of the counters `connections` and `proxy_errors`
 * @property {(name: string, value: number) => void} record told of the histogram `prelude_duration_ms`
 */
/**
 * @typedef {object} Front
 * @property {() => Promise<{ host: string, port: number, local?: string }>} bind takes the public address, and accepts nothing
 *   yet; `local` is the address that the system has of it
 * @property {(seat: Seat) => number | undefined} prepare the descriptor that the worker's process has to inherit, if any
 * @property {(seat: Seat, other: import('../native/addon.js').NativeFront) => boolean} [meet] meets it where another does, and says
 *   whether connections are handed to it
 * @property {(seat: Seat, pid: number) => void} forked
 * @property {(seat: Seat) => void | Promise<void>} ready connections may go to it from now on
 * @property {(seat: Seat) => Promise<void>} drain none go to it any more
 * @property {(seat: Seat, withinMs: number) => Promise<number>} [part] where connections are forwarded: those of this seat end as
 * they fall quiet. Brings how many were left when the time was over
 * @property {(seat: Seat) => void} gone its process has ended
 * @property {() => void} open begins to accept
 * @property {(probes: Probe[]) => void} [setProbes] what is answered without a worker, to those whom no worker takes or
 * answers in time; in the place of what was set before
 * @property {() => Promise<void>} close stops accepting
 * @property {import('../native/addon.js').NativeFront} [thread] the native one, where it has one
 * @property {() => void} [stop] ends it, when all workers have
 * @property {(seat: Seat) => { connections: number, inFlightRequests?: number, eventLoopLagMs?: number }} load
 */

const { invalidArgument } = require('../base/argument.js');
const { later } = require('../base/loading.js');
const native = require('../native/loader.js');
const { handoff } = require('./fronts/handoff.js');
const { NativeFront } = require('./fronts/native.js');
const { proxy } = require('./fronts/proxy.js');

/** Where there is no native one. */
const portables = later(() => require('./fronts/portable.js'));

const isPortable = () => process.env.FLOTILLA_BALANCER === 'portable' || process.platform !== 'linux';

/** @type {boolean | undefined} */
let sharesMemory;

/** A sandbox may refuse what workers tell of themselves in. */
function refusesMemory() {
  sharesMemory ??= native.sharesMemory();
  return !sharesMemory;
}

/** Whether nothing can be handed over in this process, whatever the application is. */
const onlyForwards = () => isPortable() || refusesMemory();

/**
 * Whether connections are forwarded to workers, and not handed over.
 *
 * @param {ResolvedServerConfig} config
 * @param {boolean} takesSockets whether the application is one that sockets can be given to
 */
const forwards = ({ mode, proxyProtocol }, takesSockets) =>
  mode === 'proxy' || !takesSockets || proxyProtocol !== false || onlyForwards();

/**
 * How connections get to workers, and why where the default has decided it, for the log.
 *
 * @param {ResolvedServerConfig} config
 * @param {boolean} takesSockets
 */
function wayOf(config, takesSockets) {
  if (!forwards(config, takesSockets)) return 'connections are handed over';
  const how = isPortable() ? 'connections are forwarded by JavaScript' : 'connections are forwarded';
  if (config.mode === 'proxy') return how;
  if (process.platform !== 'linux') return `${how}: only Linux hands them over`;
  if (isPortable()) return `${how}: FLOTILLA_BALANCER asks for it`;
  if (!takesSockets) return `${how}: the application can only listen`;
  if (refusesMemory()) return `${how}: the system lets processes share no memory`;
  return `${how}: proxyProtocol is for those`;
}

/**
 * Refuses to hand over what can only be forwarded.
 *
 * @param {ResolvedServerConfig} config
 * @param {boolean} takesSockets
 */
function checkMode({ mode }, takesSockets) {
  if (mode !== 'handoff') return;
  const nowhere = onlyForwards();
  if (takesSockets && !nowhere) return;
  const where = nowhere ? 'here' : 'for an application that can only listen';
  throw invalidArgument('mode', `'proxy' or 'auto' ${where}`, mode);
}

/**
 * @param {FrontOptions} options
 * @param {boolean} takesSockets whether the application is one that sockets can be given to
 * @returns {Front}
 */
function chooseFront(options, takesSockets) {
  const { config } = options;
  checkMode(config, takesSockets);
  if (isPortable()) return new (portables().PortableFront)(options);
  const carrier = forwards(config, takesSockets) ? proxy : handoff;
  return new NativeFront(options, carrier(config));
}

module.exports = { checkMode, chooseFront, forwards, wayOf };

/**
 * Contexts: what a server stands on for one generation of its life.
 *
 * A context is made by its configuration alone. Its resources are opened in order when the first server that
 * uses it starts, and closed in reverse when the last one is done with it. A context whose resources were closed
 * after it has served is never opened again: a fresh one of the next generation takes its place. If the process
 * dies, nothing here outlives it; closing is for resources that want to be told.
 */

/** @import { Resource } from '../../index.js' */

const check = require('../base/check.js');
const { checkSlips } = require('../base/option-names.js');
const { defaultPort } = require('../cluster/config.js');
const { lifecycleSeat } = require('../cluster/seat.js');
const { createError, reasonOf } = require('../errors.js');
const { checkFactory } = require('../http/kinds.js');

/** @typedef {{ config: any, generation: number, destroy(): Promise<void>, [resource: string]: any }} AnyContext */
/** @typedef {{ name: string, run: () => unknown }} Check `run` brings anything but `true` if all is not well */

/** Names that a context has by itself. One called `then` could never be awaited. */
const takenNames = new Set(['config', 'generation', 'destroy', 'then']);

/** What stands behind a context, which only this room may touch. */
class Lifetime {
  /** How many servers use it. */
  users = 0;
  /** What it is busy with, in the words of a culprit. */
  step = '';
  destroyed = false;
  /** @type {{ name: string, resource: Resource, value: unknown }[]} */
  #opened = [];
  /** @type {Promise<void> | undefined} */
  #opening;
  /** @type {Promise<void> | undefined} */
  #destroying;

  /** @param {AnyContext} context */
  constructor(context) {
    this.context = context;
  }

  /** Opens all resources, or none. Servers that start at once wait for the same opening. */
  open() {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open() {
    const resources = /** @type {Record<string, Resource>} */ (this.context.config.resources ?? {});
    try {
      for (const [name, resource] of Object.entries(resources)) await this.#openOne(name, resource);
    } catch (error) {
      await this.#closeAll().catch((also) => process.emitWarning(also));
      throw error;
    }
  }

  /**
   * @param {string} name
   * @param {Resource} resource
   */
  async #openOne(name, resource) {
    if (this.destroyed) throw createError('FLOTILLA_ERR_RESOURCE_FAILED', [name, 'open', 'it was destroyed']);
    this.step = `the resource "${name}" has not opened`;
    let value;
    try {
      value = await resource.open(this.context);
    } catch (cause) {
      throw createError('FLOTILLA_ERR_RESOURCE_FAILED', [name, 'open', reasonOf(cause)], { cause });
    } finally {
      this.step = '';
    }
    this.#opened.push({ name, resource, value });
    Object.defineProperty(this.context, name, { value, enumerable: true, configurable: true });
  }

  /** Closes what is open, so that the same context can be opened again: it has not served anybody yet. */
  async unwind() {
    this.#opening = undefined;
    await this.#closeAll();
  }

  /** Closes what is open for good. */
  destroy() {
    this.destroyed = true;
    this.#destroying ??= this.#afterOpening();
    return this.#destroying;
  }

  async #afterOpening() {
    await this.#opening?.catch(() => {});
    await this.#closeAll();
  }

  async #closeAll() {
    const failures = [];
    for (const opened of this.#opened.splice(0).reverse()) {
      this.step = `the resource "${opened.name}" has not closed`;
      try {
        await opened.resource.close?.(opened.value);
      } catch (cause) {
        const details = [opened.name, 'close', reasonOf(cause)];
        failures.push(createError('FLOTILLA_ERR_RESOURCE_FAILED', details, { cause }));
      }
    }
    this.step = '';
    // Each resource had its turn; the first failure is the one that is told, and the others with it.
    for (const other of failures.slice(1)) process.emitWarning(other);
    if (failures.length > 0) throw failures[0];
  }

  /** @returns {Check[]} */
  checks() {
    const ofResources = this.#opened
      .filter(({ resource }) => resource.check !== undefined)
      .map(({ name, resource, value }) => ({
        name,
        run: async () => (await resource.check?.(value)) !== false,
      }));
    const registered = Object.entries(this.context.config.health ?? {}).map(([name, run]) => ({
      name,
      run: () => /** @type {any} */ (run)(this.context),
    }));
    return [...ofResources, ...registered];
  }
}

/** @type {WeakMap<object, Lifetime>} */
const lifetimes = new WeakMap();

/** @param {any} resources */
function checkResources(resources) {
  for (const [name, resource] of Object.entries(check.record('resources', resources))) {
    if (takenNames.has(name)) {
      throw check.invalid('the name of a resource', `none of ${[...takenNames].join(', ')}`, name);
    }
    checkSlips(`resources.${name}`, check.record(`resources.${name}`, resource), ['open', 'close', 'check']);
    const { open, close, check: looks } = resource;
    check.callable(`resources.${name}.open`, open);
    if (close !== undefined) check.callable(`resources.${name}.close`, close);
    if (looks !== undefined) check.callable(`resources.${name}.check`, looks);
  }
}

/** @param {any} config */
function checkHealth({ health, resources }) {
  for (const [name, run] of Object.entries(check.record('health', health))) {
    check.callable(`health.${name}`, run);
    if (resources?.[name]?.check !== undefined) {
      throw check.invalid('the name of a health check', 'other than that of a resource with a check', name);
    }
  }
}

/** @param {any} config */
function checkConfig(config) {
  // Fields of the user's own may stand beside: those that are near to one of these, too.
  checkSlips('createContext', check.record('config', config), ['port', 'host', 'resources', 'health', 'app']);
  if (config.host !== undefined) check.text('host', config.host);
  if (config.resources !== undefined) checkResources(config.resources);
  if (config.health !== undefined) checkHealth(config);
  if (config.app !== undefined) checkFactory(config.app);
}

/** @param {unknown} configured */
function decidePort(configured) {
  if (configured !== undefined) return check.port('port', configured);
  return process.env.NODE_ENV === 'test' ? 0 : defaultPort();
}

/**
 * @param {any} config
 * @param {number} generation
 * @returns {AnyContext}
 */
function makeContext(config, generation) {
  const destroy = () => lifetime.destroy();
  const fields = {
    config: { value: config, enumerable: true },
    generation: { value: generation, enumerable: true },
    destroy: { value: destroy, enumerable: true },
  };
  const context = /** @type {AnyContext} */ (Object.defineProperties({}, fields));
  const lifetime = new Lifetime(context);
  lifetimes.set(context, lifetime);
  return context;
}

/** @type {typeof import('../../index.js').createContext} */
function createContext(config = /** @type {any} */ ({})) {
  checkConfig(config);
  const decided = Object.freeze({ ...config, port: decidePort(config.port) });
  // A worker has the generation that it was started for.
  return /** @type {any} */ (makeContext(decided, lifecycleSeat?.generation ?? 1));
}

/** @param {unknown} context */
function lifetimeOf(context) {
  const lifetime = lifetimes.get(/** @type {object} */ (context));
  if (lifetime) return lifetime;
  throw check.invalid('context', 'what createContext returned', context);
}

/**
 * A context of the next generation, over the same configuration.
 *
 * @param {AnyContext} context
 */
const freshContext = (context) => makeContext(context.config, context.generation + 1);

/**
 * The context itself, unless it has been destroyed.
 *
 * @param {AnyContext} context
 */
const usableContext = (context) => (lifetimeOf(context).destroyed ? freshContext(context) : context);

/**
 * Opens a context for one more server.
 *
 * @param {AnyContext} context
 */
async function acquire(context) {
  const lifetime = lifetimeOf(context);
  lifetime.users += 1;
  try {
    await lifetime.open();
  } catch (error) {
    lifetime.users -= 1;
    throw error;
  }
}

/**
 * One server is done with a context; the last one closes it.
 *
 * @param {AnyContext} context
 * @param {{ served: boolean }} how a context that never served can be opened again
 */
async function release(context, { served }) {
  const lifetime = lifetimeOf(context);
  lifetime.users -= 1;
  if (lifetime.users > 0) return;
  await (served ? lifetime.destroy() : lifetime.unwind());
}

/**
 * Says that a context has served, also one whose resources only workers have opened: the next start is of a generation
 * of its own.
 *
 * @param {AnyContext} context
 */
function retire(context) {
  const lifetime = lifetimeOf(context);
  if (lifetime.users === 0) lifetime.destroyed = true;
}

module.exports = {
  acquire,
  createContext,
  freshContext,
  lifetimeOf,
  release,
  retire,
  usableContext,
};

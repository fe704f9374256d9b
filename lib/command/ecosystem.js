/** The part of PM2’s `ecosystem.config.js` that means something here. What else stands in it is named, and does nothing. */

const { nearest } = require('../base/nearest.js');
const check = require('../base/check.js');
const { createError } = require('../errors.js');
const { availableParallelism } = require('node:os');

/** @param {any} value of `instances`: all cores, or all but some */
function instances(value) {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (number === 'max' || number === 0) return 'auto';
  return typeof number === 'number' && number < 0 ? Math.max(1, availableParallelism() + number) : number;
}

/** PM2’s names, with ours and what is made of the value. @type {Record<string, [string, ((value: any) => unknown)?]>} */
const known = {
  name: ['name'],
  script: ['script'],
  args: ['args'],
  cwd: ['cwd'],
  env: ['env'],
  instances: ['workers', instances],
  node_args: ['nodeArg'],
  max_memory_restart: ['maxMemory'],
  kill_timeout: ['grace'],
  listen_timeout: ['readyTimeout'],
  wait_ready: ['waitReady'],
  watch: ['watch', (value) => value !== false],
};

/** What each of these is for, where something else does it here. @type {Record<string, string>} */
const instead = {
  exec_mode: '',
  autorestart: '',
  log_date_format: 'standard output is the log',
  out_file: 'standard output is the log',
  error_file: 'standard error is the log',
  log_file: 'standard output is the log',
  merge_logs: '',
  combine_logs: '',
  time: '',
  log_type: '',
  ignore_watch: 'node_modules and what begins with a dot is never watched; see --watch-path',
  cron_restart: 'let cron call "flotilla reload", or see --max-age',
  interpreter: 'apps run by the node that runs flotilla',
  env_production: 'name an environment by --env-file',
  env_development: 'name an environment by --env-file',
  max_restarts: 'workers that die young are replaced ever more slowly',
  min_uptime: 'workers that die young are replaced ever more slowly',
  restart_delay: 'workers that die young are replaced ever more slowly',
  exp_backoff_restart_delay: 'workers that die young are replaced ever more slowly',
  increment_var: 'what one worker alone should do belongs in a process of its own',
  instance_var: 'what one worker alone should do belongs in a process of its own',
  pid_file: 'flotilla status says the pid',
  post_update: 'deployment is not part of it',
  source_map_support: 'pass --node-arg --enable-source-maps',
};

/**
 * @param {any} config what the file exports
 * @param {string} file
 * @param {string} [name] which of several apps is meant
 */
function appOf(config, file, name) {
  const apps = Array.isArray(config?.apps) ? config.apps : Array.isArray(config) ? config : [config];
  if (apps.length === 0) throw createError('FLOTILLA_ERR_CONFIG_UNREADABLE', [file, 'it has no app']);
  for (const app of apps) check.record(`an app of ${file}`, app);
  const names = apps.map((/** @type {any} */ app) => String(app.name ?? app.script));
  if (apps.length === 1) return apps[0];
  const chosen = apps[names.indexOf(String(name))];
  if (chosen) return chosen;
  throw createError('FLOTILLA_ERR_CONFIG_UNREADABLE', [
    file,
    `it has ${apps.length} apps; say which by --name: ${names.join(', ')}`,
  ]);
}

/**
 * @param {any} config
 * @param {string} file
 * @param {string} [name]
 * @returns {{ settings: Record<string, unknown>, ignored: string[] }} settings by our names, and sentences
 */
function readEcosystem(config, file, name) {
  const app = appOf(config, file, name);
  /** @type {Record<string, unknown>} */
  const settings = {};
  /** @type {string[]} */
  const ignored = [];
  for (const [key, value] of Object.entries(app)) {
    if (value === undefined) continue;
    const [ours, read = (/** @type {any} */ given) => given] = Object.hasOwn(known, key) ? known[key] : [];
    if (ours) settings[ours] = read(value);
    else if (!Object.hasOwn(instead, key)) ignored.push(unknown(key));
    else if (instead[key]) ignored.push(`${key} (${instead[key]})`);
  }
  return { settings, ignored };
}

/** @param {string} key */
function unknown(key) {
  const meant = nearest(key, Object.keys(known));
  return meant ? `${key} (did you mean "${meant}"?)` : key;
}

module.exports = { readEcosystem };

/**
 * What a start is to do: flags, then the environment, then one configuration: `flotilla.config.mjs`, `.cjs` or `.json`, the
 * field "flotilla" of package.json, or PM2’s `ecosystem.config.js`. Each value is checked where it comes from, so that an
 * error names the place.
 */

const { existsSync, readFileSync, statSync } = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const check = require('../base/check.js');
const { nearest } = require('../base/nearest.js');
const { createError, reasonOf } = require('../errors.js');
const { readEcosystem } = require('./ecosystem.js');
const { byKey, flags, knobs } = require('./knobs.js');

/** @typedef {Record<string, any>} Settings by the keys of the knobs */
/**
 * What a start has decided.
 *
 * @typedef {Settings & { script: string, args: string[], name: string, cwd: string, ignored: string[], source?: string }} Started
 */

const own = ['flotilla.config.mjs', 'flotilla.config.cjs', 'flotilla.config.json'];
const ecosystems = ['ecosystem.config.js', 'ecosystem.config.cjs', 'ecosystem.config.mjs', 'ecosystem.json'];

/** Variables of the library that are no options of the command. */
const others = [
  'ADDON',
  'ADMIN_TOKEN',
  'BALANCER',
  'RENDEZVOUS',
  'SEAT',
  'SEGMENT',
  'TRANSPORT',
  'WARN_EVICTION',
].map((name) => `FLOTILLA_${name}`);

/** @param {string} file @param {string} reason @param {unknown} [cause] */
const unreadable = (file, reason, cause) =>
  createError('FLOTILLA_ERR_CONFIG_UNREADABLE', [file, reason], { cause });

/** @param {string} file @returns {any} */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw unreadable(file, reasonOf(error), error);
  }
}

/** @param {string} file @returns {Promise<any>} what it exports */
async function loadConfig(file) {
  if (!existsSync(file)) throw unreadable(file, 'there is no such file');
  if (file.endsWith('.json')) return readJson(file);
  let loaded;
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    throw unreadable(file, reasonOf(error), error);
  }
  const exported = loaded.default ?? loaded;
  return typeof exported === 'function' ? exported() : exported;
}

/**
 * @param {any} given
 * @param {string} place
 * @returns {Settings}
 */
function checkedSettings(given, place) {
  check.record(place, given);
  /** @type {Settings} */
  const settings = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const knob = byKey.get(key);
    if (!knob || key === 'config') throw unknownSetting(key, place);
    settings[key] = knob.kind.read(`${place}: ${key}`, value);
  }
  return settings;
}

/** @param {string} key @param {string} place */
function unknownSetting(key, place) {
  const names = knobs.map((knob) => knob.key).filter((name) => name !== 'config');
  const meant =
    nearest(key, names) ??
    nearest(
      key.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()),
      names,
    );
  const advice = meant ? `did you mean "${meant}"?` : `it takes ${names.join(', ')}`;
  return createError('FLOTILLA_ERR_UNKNOWN_OPTION', [place, key.slice(0, 60), advice]);
}

/** @param {Record<string, string | undefined>} env @returns {Settings} */
function fromEnvironment(env) {
  /** @type {Settings} */
  const settings = {};
  for (const { key, env: names = [], kind } of flags) {
    const name = names.find((each) => env[each]);
    if (name !== undefined) settings[key] = kind.read(name, env[name]);
  }
  const known = [...flags.flatMap(({ env: names = [] }) => names), ...others];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('FLOTILLA_') || known.includes(name)) continue;
    // What is like none of ours is somebody else's.
    const meant = nearest(
      name.slice(9),
      known.filter((each) => each.startsWith('FLOTILLA_')).map((each) => each.slice(9)),
    );
    if (meant)
      throw createError('FLOTILLA_ERR_UNKNOWN_OPTION', [
        'the environment',
        name,
        `did you mean "FLOTILLA_${meant}"?`,
      ]);
  }
  return settings;
}

/** The nearest folder from here upwards that has a package.json. @param {string} from */
function projectOf(from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return undefined;
  }
}

/** @param {string} file */
const isEcosystem = (file) => path.basename(file).startsWith('ecosystem.');

/**
 * @typedef {object} Found
 * @property {Settings} settings
 * @property {string} [file]
 * @property {string[]} ignored sentences about what is not read
 */

/** @param {string} file @param {string} [name] @returns {Promise<Found>} */
async function fromFile(file, name) {
  const exported = await loadConfig(file);
  const place = path.basename(file);
  if (!isEcosystem(file)) return { settings: checkedSettings(exported, place), file, ignored: [] };
  const { settings, ignored } = readEcosystem(exported, place, name);
  return { settings: checkedSettings(settings, place), file, ignored };
}

/**
 * @param {string} folder
 * @param {boolean} hasScript whether the command line names the app: then PM2’s file is not looked at
 * @param {string} [name]
 * @returns {Promise<Found>}
 */
async function findConfig(folder, hasScript, name) {
  const files = own.map((file) => path.join(folder, file)).filter((file) => existsSync(file));
  const manifest = path.join(folder, 'package.json');
  const field = existsSync(manifest) ? readJson(manifest)?.flotilla : undefined;
  const places = [
    ...files.map((file) => path.basename(file)),
    ...(field === undefined ? [] : ['"flotilla" in package.json']),
  ];
  if (places.length > 1)
    throw unreadable(places.join(' and '), 'there may be one configuration: keep one of them');
  if (files.length > 0) return fromFile(files[0], name);
  if (field !== undefined) {
    return { settings: checkedSettings(field, '"flotilla" in package.json'), file: manifest, ignored: [] };
  }
  const ecosystem = hasScript
    ? undefined
    : ecosystems.map((file) => path.join(folder, file)).find((file) => existsSync(file));
  return ecosystem ? fromFile(ecosystem, name) : { settings: {}, ignored: [] };
}

/** @param {string} file */
const isFile = (file) => existsSync(file) && statSync(file).isFile();

/**
 * The file of the app: as given, or with an ending that `node` would find, or the "main" of a folder.
 *
 * @param {string | undefined} script
 * @param {string} cwd
 * @returns {string}
 */
function resolveScript(script, cwd) {
  if (script === undefined) {
    throw createError('FLOTILLA_ERR_PROGRAM_MISSING', [
      'There is no app to start',
      'Write: flotilla start app.js',
    ]);
  }
  const file = path.resolve(cwd, script);
  const found = [file, ...['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'].map((ending) => file + ending)].find(
    isFile,
  );
  if (found) return found;
  try {
    // A folder, by its package.json or its index.js.
    return require.resolve(file);
  } catch {
    const near = path.relative(process.cwd(), file) || file;
    throw createError('FLOTILLA_ERR_PROGRAM_MISSING', [
      `There is no file ${near}`,
      'Name the file that node would be started with',
    ]);
  }
}

/**
 * @param {string} script
 * @param {string} cwd
 * @returns {string} the name by which other verbs find it
 */
function defaultName(script, cwd) {
  const folder = projectOf(path.dirname(script)) ?? cwd;
  const manifest = path.join(folder, 'package.json');
  const named = existsSync(manifest) ? readJson(manifest)?.name : undefined;
  const name =
    typeof named === 'string' ? named.replace(/^@[^/]*\//, '') : path.basename(script).replace(/\.\w+$/, '');
  return (
    name
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 50) || 'app'
  );
}

/**
 * The name that a start in this folder would have, as far as it can be known without an app.
 *
 * @param {string} cwd
 * @returns {Promise<string | undefined>}
 */
async function nameOfFolder(cwd) {
  try {
    const { settings } = await findConfig(cwd, false);
    if (settings.name) return settings.name;
  } catch {
    // What is wrong with it is said where it is needed.
  }
  const project = projectOf(cwd);
  return project && defaultName(path.join(project, 'app.js'), project);
}

/**
 * @param {object} call
 * @param {string | undefined} call.target
 * @param {Settings} call.given by flags
 * @param {string[]} call.passed behind `--`
 * @param {Record<string, string | undefined>} [env]
 * @returns {Promise<Started>}
 */
async function configure({ target, given, passed }, env = process.env) {
  const asked = { ...fromEnvironment(env), ...given };
  const folder = path.resolve(asked.cwd ?? '.');
  const named = target !== undefined && isEcosystem(target) ? target : asked.config;
  const hasScript = target !== undefined && named !== target;
  const found = named
    ? await fromFile(path.resolve(named), asked.name)
    : await findConfig(folder, hasScript, asked.name);
  const settings = { ...found.settings, ...asked };
  const cwd = path.resolve(found.file ? path.dirname(found.file) : '.', settings.cwd ?? '.');
  const script = resolveScript(hasScript ? target : settings.script, hasScript ? folder : cwd);
  return {
    ...settings,
    cwd: asked.cwd || settings.cwd ? cwd : process.cwd(),
    script,
    args: passed.length > 0 ? passed : (settings.args ?? []),
    name: settings.name ?? defaultName(script, cwd),
    ignored: found.ignored,
    source: found.file,
  };
}

module.exports = { configure, defaultName, fromEnvironment, nameOfFolder, projectOf, resolveScript };

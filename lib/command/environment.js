/** The environment of the app: that of the command, then files, then the configuration, then what the command gives. */

const { readFileSync } = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { createError, reasonOf } = require('../errors.js');

/**
 * The variables of a file, as Node’s `--env-file` reads them.
 *
 * @param {string} file
 * @returns {Record<string, string>}
 */
function readEnvFile(file) {
  if (!util.parseEnv) {
    throw createError('FLOTILLA_ERR_CONFIG_UNREADABLE', [
      file,
      `Node.js ${process.version} cannot read such files; 20.12 and later can`,
    ]);
  }
  try {
    return /** @type {Record<string, string>} */ (util.parseEnv(readFileSync(file, 'utf8')));
  } catch (error) {
    const missing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
    throw createError(
      'FLOTILLA_ERR_CONFIG_UNREADABLE',
      [file, missing ? 'there is no such file' : reasonOf(error)],
      { cause: error },
    );
  }
}

/**
 * What the workers get beside the environment of the command itself, in which each variable that is set counts more.
 *
 * @param {{ env?: Record<string, string>, envFile?: string[], port?: number, cwd: string }} settings
 * @returns {Record<string, string>}
 */
function workerEnvironment({ env, envFile = [], port, cwd }) {
  /** @type {Record<string, string>} */
  const given = { ...env };
  for (const file of envFile) Object.assign(given, readEnvFile(path.resolve(cwd, file)));
  for (const name of Object.keys(given)) if (process.env[name] !== undefined) delete given[name];
  if (port !== undefined) given.PORT = String(port);
  return given;
}

module.exports = { readEnvFile, workerEnvironment };

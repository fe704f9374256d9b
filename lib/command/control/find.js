/** Which running server a command means: by its socket, by its name, or by the folder that the command is called in. */

const { existsSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { createError } = require('../../errors.js');
const { foldersFrom, isWindows, nameOf, pipeOf, socketsIn } = require('./places.js');

/** @typedef {Record<string, string | undefined>} Environment */

/** Whether somebody listens there. @param {string} socket @returns {Promise<boolean>} */
const isAlive = (socket) =>
  new Promise((resolve) => {
    const stream = net.connect({ path: socket });
    stream.on('connect', () => {
      resolve(true);
      stream.destroy();
    });
    // One of another user is there, too.
    stream.on('error', (error) =>
      resolve(!['ENOENT', 'ECONNREFUSED'].includes(String(/** @type {any} */ (error).code))),
    );
  });

/** @param {string} what @param {string} advice */
const absent = (what, advice) => createError('FLOTILLA_ERR_CONTROL_ABSENT', [what, advice]);

/** @param {string[]} folders */
async function livingIn(folders) {
  const sockets = folders.flatMap(socketsIn);
  const alive = await Promise.all(sockets.map(isAlive));
  return sockets.filter((_, index) => alive[index]);
}

/** @param {string[]} folders @param {string | undefined} name */
const named = (folders, name) =>
  name === undefined
    ? undefined
    : folders.map((folder) => path.join(folder, `${name}.sock`)).find((file) => existsSync(file));

/** @param {string[]} folders @param {string} name */
async function byName(folders, name) {
  const socket = named(folders, name);
  if (socket) return socket;
  const there = (await livingIn(folders)).map(nameOf);
  const advice = there.length > 0 ? `These run: ${there.join(', ')}` : 'Start it with "flotilla start"';
  throw absent(`Nothing runs by the name "${name}"`, advice);
}

/** @param {string[]} folders @param {string | undefined} usual the name that a start here would have */
async function byFolder(folders, usual) {
  const socket = named(folders, usual);
  if (socket && (await isAlive(socket))) return socket;
  const there = await livingIn(folders);
  if (there.length === 1) return there[0];
  if (there.length > 1)
    throw absent(`${there.length} run here`, `Say which by --name: ${there.map(nameOf).join(', ')}`);
  throw absent(
    'Nothing runs here',
    'Start it with "flotilla start", or say which one by --name or --control',
  );
}

/**
 * The socket of the server that is meant.
 *
 * @param {{ name?: string, control?: string }} whom
 * @param {{ cwd: string, env: Environment, usual: () => Promise<string | undefined> }} here `usual` brings the name that a start in
 *   this folder would have
 * @returns {Promise<string>}
 */
async function find(whom, { cwd, env, usual }) {
  const control = whom.control ?? (whom.name === undefined ? env.FLOTILLA_CONTROL : undefined);
  if (control) return isWindows ? control : path.resolve(cwd, control);
  const name = whom.name ?? env.FLOTILLA_NAME;
  if (isWindows) return pipeOf(name ?? (await usual()) ?? 'app');
  const folders = foldersFrom(cwd, env);
  return name ? byName(folders, name) : byFolder(folders, await usual());
}

module.exports = { find, isAlive };

/**
 * Where the control socket of a server is: `flotilla/NAME.sock` in the folder that the system keeps for the user
 * (`$XDG_RUNTIME_DIR`), or where there is none, `.flotilla/NAME.sock` beside the app. Both folders are the user’s alone.
 */

const { chmodSync, lstatSync, mkdirSync, readdirSync } = require('node:fs');
const path = require('node:path');
const { createError } = require('../../errors.js');

/** The longest path of a Unix socket that every system takes. */
const LONGEST = 103;
const ending = '.sock';
const isWindows = process.platform === 'win32';

/** @param {string} name */
const pipeOf = (name) => String.raw`\\.\pipe\flotilla-` + name;

/** @param {Record<string, string | undefined>} env */
const runtimeFolder = (env) => (env.XDG_RUNTIME_DIR ? path.join(env.XDG_RUNTIME_DIR, 'flotilla') : undefined);

/**
 * Where a server that starts here puts its socket.
 *
 * @param {string} name
 * @param {string} beside the folder of the app
 * @param {Record<string, string | undefined>} [env]
 */
function placeFor(name, beside, env = process.env) {
  if (isWindows) return pipeOf(name);
  return path.join(runtimeFolder(env) ?? path.join(beside, '.flotilla'), name + ending);
}

/**
 * Makes the folder of a socket, for its user alone, and refuses one that others could have prepared.
 *
 * @param {string} socket
 */
function prepareFolder(socket) {
  if (isWindows) return;
  if (Buffer.byteLength(socket) > LONGEST) {
    const reason = `its path is longer than the ${LONGEST} bytes that a socket may have: ${socket}; pass a shorter one by --control`;
    throw createError('FLOTILLA_ERR_CONTROL_REFUSED', [reason]);
  }
  const folder = path.dirname(socket);
  // One that was there already, and is not ours by its name, is left as it is.
  const ours = ['flotilla', '.flotilla'].includes(path.basename(folder));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (ours && uid !== process.geteuid?.()) {
    throw createError('FLOTILLA_ERR_CONTROL_REFUSED', [`the folder ${folder} belongs to another user`]);
  }
  if (ours && (mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

/** @param {string} folder @returns {string[]} the sockets in it */
function socketsIn(folder) {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(ending))
      .map((file) => path.join(folder, file));
  } catch {
    return [];
  }
}

/**
 * The folders in which a server may be found from here, the nearest first: those of this folder and of all above it, and the
 * user’s own.
 *
 * @param {string} from
 * @param {Record<string, string | undefined>} [env]
 */
function foldersFrom(from, env = process.env) {
  const folders = [];
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    folders.push(path.join(folder, '.flotilla'));
    if (folder === path.dirname(folder)) break;
  }
  const runtime = runtimeFolder(env);
  return runtime ? [runtime, ...folders] : folders;
}

/** @param {string} socket */
const nameOf = (socket) => path.basename(socket).slice(0, -ending.length);

module.exports = { foldersFrom, isWindows, nameOf, pipeOf, placeFor, prepareFolder, socketsIn };

/**
 * What systemd and its like tell a process by environment variables, and want to hear from it.
 *
 * Sockets that were opened for it (`LISTEN_FDS`, addressed to it by `LISTEN_PID`) are taken instead of opening one:
 * by their names where they have names, else in order, each once. Where the supervisor listens (`NOTIFY_SOCKET`),
 * it hears that the servers are ready, are reloading, or stop.
 */

const addon = require('../native/loader.js');
const { seat } = require('../cluster/seat.js');

const firstPassed = 3;

/** @type {Set<number>} descriptors that a server has taken */
const taken = new Set();

/** @returns {{ fd: number, name: string }[]} the sockets that nobody has taken yet */
function passedSockets() {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = process.env;
  const count = Number(LISTEN_FDS);
  if (Number(LISTEN_PID) !== process.pid || !Number.isInteger(count)) return [];
  const names = LISTEN_FDNAMES.split(':');
  const all = Array.from({ length: count }, (_, index) => ({
    fd: firstPassed + index,
    name: names[index] ?? '',
  }));
  return all.filter(({ fd }) => !taken.has(fd));
}

/**
 * Takes a socket for each server, as far as there are some.
 *
 * @param {string[]} names of servers
 * @returns {(number | undefined)[]}
 */
function takeSockets(names) {
  const free = passedSockets();
  const byName = names.map((name) => free.find((socket) => socket.name === name));
  const others = free.filter((socket) => !byName.includes(socket));
  return byName.map((named) => {
    const fd = (named ?? others.shift())?.fd;
    if (fd !== undefined) taken.add(fd);
    return fd;
  });
}

/** @param {string} message */
function notify(message) {
  const { NOTIFY_SOCKET } = process.env;
  // It is about the primary, which speaks for its workers.
  if (NOTIFY_SOCKET && !seat) addon.supervisorNotify(NOTIFY_SOCKET, message);
}

const ready = () => notify('READY=1');
const stopping = () => notify('STOPPING=1');
// It wants the time too, by the clock that never goes back, to tell this reload from the last.
const reloading = () => notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);

module.exports = { ready, reloading, stopping, takeSockets };

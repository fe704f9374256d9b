/**
 * The header of the PROXY protocol, which a front puts before a forwarded connection, and a worker reads, so that the
 * application sees its client's own address.
 *
 * Only this machine's front connects here, but anybody who reaches the port can: what is no such header ends the connection,
 * and one that does not come in time does too. Nothing of what follows the header is lost.
 */

/** @import { Socket } from 'node:net' */

const { isIP } = require('node:net');

/** As long as one can be: 107 bytes of version 1, and of version 2 what a front of ours writes. */
const LONGEST = 256;
const WITHIN_MS = 5000;
const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const FIXED = 16;

const versionAndProxied = 0x21;
const versionAndLocal = 0x20;

/** IPv4 in IPv6, as a socket that takes both shows it. @param {string} [address] */
const plain = (address) => address?.replace(/^::ffff:(?=[\d.]+$)/i, '');

/** @param {string} address */
function bytesOf(address) {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [start, end] = address
    .replace(/%.*$/, '')
    .split('::')
    .map((part) => part.split(':').filter(Boolean));
  const missing = 8 - start.length - (end?.length ?? 0);
  const groups = [...start, ...new Array(missing).fill('0'), ...(end ?? [])];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** @param {Socket} socket */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }) {
  const [from, to] = [plain(remoteAddress), plain(localAddress)];
  const family = from && to ? isIP(from) : 0;
  if (!from || !to || family === 0 || family !== isIP(to)) return undefined;
  return { from, to, family, ports: [Number(remotePort), Number(localPort)] };
}

/**
 * @param {'v1' | 'v2'} version
 * @param {Socket} socket the client's
 */
function proxyHeader(version, socket) {
  const ends = endsOf(socket);
  if (version === 'v1') {
    if (!ends) return Buffer.from('PROXY UNKNOWN\r\n');
    return Buffer.from(`PROXY TCP${ends.family} ${ends.from} ${ends.to} ${ends.ports.join(' ')}\r\n`);
  }
  if (!ends) return Buffer.concat([SIGNATURE, Buffer.from([versionAndLocal, 0, 0, 0])]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(ends.ports[0], 0);
  ports.writeUInt16BE(ends.ports[1], 2);
  const addresses = Buffer.concat([bytesOf(ends.from), bytesOf(ends.to), ports]);
  const start = Buffer.from([versionAndProxied, ends.family === 4 ? 0x11 : 0x21, 0, addresses.length]);
  return Buffer.concat([SIGNATURE, start, addresses]);
}

/**
 * @typedef {object} Header
 * @property {number} length in bytes
 * @property {string} [address] the client's, where the header tells it
 * @property {number} [port]
 */

/** @param {Buffer} bytes of an IPv6 address */
function groupsOf(bytes) {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/**
 * @param {Buffer} bytes that do not begin as version 2 does
 * @returns {Header | 'partial' | undefined}
 */
function readText(bytes) {
  const text = bytes.toString('latin1', 0, 107);
  const end = text.indexOf('\r\n');
  if (end < 0) return bytes.length < 107 && 'PROXY '.startsWith(text.slice(0, 6)) ? 'partial' : undefined;
  const length = end + 2;
  const [name, kind, address, , port] = text.slice(0, end).split(' ');
  if (name !== 'PROXY') return undefined;
  if (kind === 'UNKNOWN') return { length };
  const isWell = isIP(address ?? '') !== 0 && /^\d{1,5}$/.test(port ?? '');
  return isWell ? { length, address, port: Number(port) } : undefined;
}

/**
 * @param {Buffer} bytes
 * @returns {Header | 'partial' | undefined} nothing where it is none
 */
function readHeader(bytes) {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, compared, 0, compared) !== 0) return readText(bytes);
  if (bytes.length < FIXED) return 'partial';
  const length = FIXED + bytes.readUInt16BE(14);
  if (bytes[12] >> 4 !== 2 || length > LONGEST) return undefined;
  if (bytes.length < length) return 'partial';
  const isProxied = (bytes[12] & 0xf) === 1;
  const family = bytes[13] >> 4;
  if (isProxied && family === 1 && length >= FIXED + 12)
    return { length, address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) };
  if (isProxied && family === 2 && length >= FIXED + 36)
    return { length, address: groupsOf(bytes.subarray(16, 32)), port: bytes.readUInt16BE(48) };
  return { length };
}

/**
 * Waits for the header of a connection, and gives the connection on as its client's own.
 *
 * @param {Socket} socket
 * @param {(socket: Socket) => void} accept
 */
function behindProxy(socket, accept) {
  /** @type {Buffer} */
  let bytes = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), WITHIN_MS).unref();
  const fail = () => socket.destroy();
  const settle = () => {
    clearTimeout(late);
    socket.off('readable', look);
    socket.off('error', fail);
    socket.off('end', fail);
  };
  function look() {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      bytes = Buffer.concat([bytes, chunk]);
    const header = readHeader(bytes);
    if (header === 'partial') return;
    settle();
    if (header === undefined) return void socket.destroy();
    if (header.address !== undefined) tell(socket, header.address, Number(header.port));
    if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
    accept(socket);
  }
  socket.on('readable', look);
  socket.once('error', fail);
  socket.once('end', fail);
  socket.once('close', settle);
}

/**
 * Lets a socket tell another address as its client's; also TLS on top of it asks its handle.
 *
 * @param {Socket} socket
 * @param {string} address
 * @param {number} port
 */
function tell(socket, address, port) {
  const peer = { address, port, family: isIP(address) === 6 ? 'IPv6' : 'IPv4' };
  const { _handle: handle } = /** @type {any} */ (socket);
  if (!handle) return;
  handle.getpeername = (/** @type {object} */ told) => {
    Object.assign(told, peer);
    return 0;
  };
}

module.exports = { behindProxy, proxyHeader, readHeader };

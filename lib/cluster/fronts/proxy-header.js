/** The header of the PROXY protocol, by which a proxy tells a server whose connection it is. */

/** @import { Socket } from 'node:net' */

const { isIP } = require('node:net');

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
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
  if (!ends) return Buffer.concat([signature, Buffer.from([versionAndLocal, 0, 0, 0])]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(ends.ports[0], 0);
  ports.writeUInt16BE(ends.ports[1], 2);
  const addresses = Buffer.concat([bytesOf(ends.from), bytesOf(ends.to), ports]);
  const start = Buffer.from([versionAndProxied, ends.family === 4 ? 0x11 : 0x21, 0, addresses.length]);
  return Buffer.concat([signature, start, addresses]);
}

module.exports = { proxyHeader };

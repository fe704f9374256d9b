// The header that tells a worker whose connection was forwarded to it, as far as it has come.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';

const { Connection } = createRequire(import.meta.url)('../../lib/http/connection.js');
const { proxyHeader, readHeader } = createRequire(import.meta.url)('../../lib/http/proxy-header.js');

const client = (remoteAddress, localAddress = remoteAddress) => ({
  remoteAddress,
  remotePort: 50_000,
  localAddress,
  localPort: 80,
});

describe('a header of the PROXY protocol', () => {
  it.each([
    ['v1', '192.0.2.1', '192.0.2.1'],
    ['v1', '2001:db8::1', '2001:db8::1'],
    ['v2', '192.0.2.1', '192.0.2.1'],
    ['v2', '2001:db8::1', '2001:db8::1'],
    ['v2', '::ffff:192.0.2.1', '192.0.2.1'],
  ])('of version %s tells the address %s, and is waited for to its last byte', (version, given, address) => {
    const header = proxyHeader(version, client(given));
    for (let length = 0; length < header.length; length++) {
      expect(readHeader(header.subarray(0, length))).toBe('partial');
    }
    const told = { length: header.length, address, port: 50_000 };
    expect(readHeader(header)).toEqual(told);
    expect(readHeader(Buffer.concat([header, Buffer.from('GET / HTTP/1.1')]))).toEqual(told);
  });

  it.each(['v1', 'v2'])('of version %s may tell no address', (version) => {
    const header = proxyHeader(version, client(undefined));
    expect(readHeader(header)).toEqual({ length: header.length });
  });

  it.each([
    ['a request', 'GET / HTTP/1.1\r\n\r\n'],
    ['a line that does not end', `PROXY ${'x'.repeat(200)}`],
    ['an address that is none', 'PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n'],
    ['a port that is none', 'PROXY TCP4 1.2.3.4 1.2.3.4 x 2\r\n'],
    ['nothing but an end of line', '\r\n'.repeat(60)],
  ])('is not found in %s', (_what, sent) => {
    expect(readHeader(Buffer.from(sent))).toBeUndefined();
  });

  it('is refused where it claims to be of another version, or too long', () => {
    const header = proxyHeader('v2', client('192.0.2.1'));
    const other = Buffer.from(header);
    other[12] = 0x31;
    const long = Buffer.from(header);
    long.writeUInt16BE(60_000, 14);
    expect([readHeader(other), readHeader(long)]).toEqual([undefined, undefined]);
  });

  it('is no request: a connection that has brought nothing else is not closed at once by a drain', async () => {
    const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = net.connect(server.address().port, '127.0.0.1');
    onTestFinished(() => {
      client.destroy();
      server.close();
    });
    const [socket] = await once(server, 'connection');
    const header = proxyHeader('v2', socket);
    client.write(header);
    await once(socket, 'readable');
    expect(socket.read()).toEqual(header);
    const connection = new Connection(socket);
    connection.finish();
    expect([connection.idle, socket.destroyed, socket.writableEnded]).toEqual([true, false, false]);
    client.write('GET / HTTP/1.1\r\n');
    await once(socket, 'readable');
    expect(connection.idle).toBe(false);
  });
});

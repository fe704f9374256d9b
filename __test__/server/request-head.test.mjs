// What strategies see of a request, beside what Node's own parser says of the same bytes.

import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';

const { lookAtHead, parseRequestHead } = createRequire(import.meta.url)('../../lib/cluster/request-head.js');

const bytes = (text) => Buffer.from(text, 'latin1');

/** The first bytes that a client sends to a server that only listens. */
async function firstBytes(connect) {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.close());
  const client = connect(server.address().port);
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  socket.on('error', () => {});
  const [chunk] = await once(socket, 'data');
  socket.destroy();
  client.destroy();
  return chunk;
}

/** What Node's server makes of a head. */
async function byNode(head) {
  const server = http.createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.close());
  const client = net.connect(server.address().port, '127.0.0.1').resume();
  client.write(head);
  const [{ method, url, httpVersion, headers }] = await once(server, 'request');
  client.destroy();
  return { method, path: url, httpVersion, headers: { ...headers } };
}

describe('parseRequestHead', () => {
  it.each([
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /a/b?c=d&e HTTP/1.0\r\nhost: A.example:80\r\nContent-Length: 0\r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: a\r\nX-Several: one\r\nx-several: two\r\nX-SEVERAL: \t three  \r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nCookie: b=2\r\nUser-Agent: one\r\nUser-Agent: two\r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: a\r\nEmpty:\r\nEtag: "1"\r\nEtag: "2"\r\nAccept: x\r\nAccept: y\r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: a\r\nX-Latin: caf\xe9\r\nconstructor: c\r\nhasOwnProperty: h\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  ])('reads %j as Node does', async (text) => {
    const { method, path, httpVersion, headers, protocol, rawHead } = parseRequestHead(bytes(text));
    const read = { method, path, httpVersion, headers: { ...headers } };
    expect(read).toEqual(await byNode(bytes(text)));
    expect(protocol).toBe('http1');
    expect(rawHead).toBe(text);
  });

  it('adds the client, and the host by its name', () => {
    const head = bytes('GET / HTTP/1.1\r\nHost: example.org\r\n\r\nbody');
    const request = parseRequestHead(head, { remoteAddress: '::1', remotePort: 4711 });
    expect(request).toMatchObject({ host: 'example.org', remoteAddress: '::1', remotePort: 4711 });
    expect(request.rawHead.endsWith('\r\n\r\n')).toBe(true);
  });

  it('keeps headers with the names of what objects inherit apart from it', () => {
    const text = 'GET / HTTP/1.1\r\n__proto__: evil\r\n__proto__: worse\r\nconstructor: x\r\n\r\n';
    const { headers } = parseRequestHead(bytes(text));
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'evil, worse'],
      ['constructor', 'x'],
    ]);
    expect(headers.toString).toBeUndefined();
    expect({}.evil).toBeUndefined();
  });

  it('tells of a cut head what is whole', () => {
    const request = parseRequestHead(bytes('GET /a HTTP/1.1\r\nHost: a\r\nCookie: uncomple'));
    expect(request).toMatchObject({ method: 'GET', path: '/a', protocol: 'http1', host: 'a' });
    expect(Object.keys(request.headers)).toEqual(['host']);
  });

  it('looks no farther than the limit', () => {
    const text = `GET /a HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(500)}\r\n\r\n`;
    const { headers, rawHead } = parseRequestHead(bytes(text), { limit: 100 });
    expect(Object.keys(headers)).toEqual(['host']);
    expect(rawHead).toBe(text.slice(0, 100));
  });

  it.each(['', 'GET /a', '\0\x01\x02', 'SSH-2.0-x\r\n'])('tells nothing of %j', (text) => {
    const request = parseRequestHead(bytes(text));
    expect({ ...request, headers: { ...request.headers } }).toEqual({
      headers: {},
      protocol: 'unknown',
      rawHead: text,
    });
  });

  it('names the host that a real TLS client asks for', async () => {
    const options = { host: '127.0.0.1', servername: 'Example.org', rejectUnauthorized: false };
    const greeting = await firstBytes((port) => tls.connect({ ...options, port, ALPNProtocols: ['h2'] }));
    expect(lookAtHead(greeting)).toBe('tls');
    expect(parseRequestHead(greeting)).toMatchObject({ protocol: 'unknown', host: 'example.org' });
  });
});

describe('lookAtHead', () => {
  it('tells what the first bytes are', () => {
    expect(lookAtHead(bytes('GET / HTTP/1.1\r\n\r\n'))).toBe('http1');
    expect(lookAtHead(bytes('GET / HTTP/1.1\r\n'))).toBe('partial');
    expect(lookAtHead(bytes('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))).toBe('http2');
    expect(lookAtHead(bytes('G'.repeat(30)), 20)).toBe('too-long');
    expect(lookAtHead(bytes('\xff'))).toBe('unknown');
    expect(lookAtHead(Buffer.alloc(0))).toBe('partial');
  });

  it('knows the head that a real client sends', async () => {
    const head = await firstBytes((port) => http.get({ port, host: '127.0.0.1', path: '/x' }));
    expect(lookAtHead(head)).toBe('http1');
    expect(parseRequestHead(head)).toMatchObject({ method: 'GET', path: '/x' });
  });
});

// Whether a connection stands between two messages, as it is asked after every request: of connections of Node's own HTTP server, by
// what has come over them.

import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import betweenMessages from '../../lib/http/between-messages.js';

const { isEmpty, isReading } = betweenMessages;

/** A connection, from both ends. @param {http.RequestListener} answer */
async function connected(answer) {
  const server = http.createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(server.address().port, '127.0.0.1')
    .setNoDelay(true)
    .on('error', () => {});
  const [[socket]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  let got = '';
  client.on('data', (chunk) => {
    got += chunk;
  });
  onTestFinished(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  let sent = 0;
  /** Sends it; resolves when the server has read it. @param {string} text */
  const send = async (text) => {
    client.write(text);
    sent += text.length;
    await vi.waitFor(() => expect(socket.bytesRead).toBe(sent), { interval: 1, timeout: 5000 });
  };
  return { server, socket, send, got: () => got };
}

const head = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: here\r\n${more}\r\n`;

describe('a connection that messages come over', () => {
  it('is being read from the first byte of a message to its last, and asking changes nothing', async () => {
    const { socket, send, got } = await connected((request, response) => {
      request.resume().on('end', () => response.end(`<${request.url}>`));
    });
    expect(isReading(socket)).toBe(false);
    const steps = [
      [head('/whole'), false],
      ['G', true],
      ['ET /pieces HTTP/1.1\r\nHo', true],
      ['st: here\r\n\r', true],
      ['\n', false],
      [`${head('/first')}G`, true],
      [head('/second').slice(1), false],
      [head('/body', 'Content-Length: 4\r\n'), true],
      ['ab', true],
      ['cd', false],
      [head('/chunks', 'Transfer-Encoding: chunked\r\n'), true],
      ['2\r\na', true],
      ['b\r\n0\r\n\r', true],
      ['\n', false],
      [head('/one') + head('/behind'), false],
    ];
    for (const [text, isPart] of steps) {
      await send(text);
      expect(isReading(socket), JSON.stringify(text)).toBe(isPart);
    }
    await vi.waitFor(() => expect(got()).toContain('</behind>'), { interval: 1, timeout: 5000 });
    const paths = ['whole', 'pieces', 'first', 'second', 'body', 'chunks', 'one', 'behind'];
    expect(got().match(/<\/\w+>/g)).toEqual(paths.map((path) => `</${path}>`));
  });

  it('is not empty while an answer is under way, also one that Node.js gives by itself', async () => {
    let answer = () => {};
    const { socket, send } = await connected((_, response) => {
      answer = () => response.end('late');
    });
    await send(head('/late'));
    expect([isReading(socket), isEmpty(socket)]).toEqual([false, false]);
    // Its answer waits for that of the first, and nobody is told of it.
    await send(head('/strange', 'Expect: wonders\r\n'));
    answer();
    expect(isEmpty(socket)).toBe(false);
    await vi.waitFor(() => expect(isEmpty(socket)).toBe(true), { interval: 1, timeout: 5000 });
  });
});

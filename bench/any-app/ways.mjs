// The ways to run one app on two cores, or on one: started from nothing, reloaded as each of them reloads, and ended.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { family } from '../balancer/cpu.mjs';
import { freePort } from '../balancer/programs.mjs';

/**
 * @typedef {object} Running
 * @property {number} port
 * @property {number} firstAnswerMs from the call of its command to the first answer
 * @property {() => number[]} pids of all its processes
 * @property {(() => Promise<void>) | undefined} reload resolves when it says that it is done
 * @property {() => Promise<void>} close
 */
/** @typedef {{ env: NodeJS.ProcessEnv, folder: string, port: number }} Place */

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const root = here('../../');
const app = here('app.cjs');
const command = path.join(root, 'lib/command/flotilla.js');
/** Where the contestants are that this repository does not depend on. */
const store = path.join(root, 'target/contestants');
const pm2 = path.join(store, 'node_modules/pm2/bin/pm2');
const watt = path.join(store, 'node_modules/wattpm/bin/cli.js');

const [major = 0] = process.versions.node.split('.').map(Number);

/** @param {string} program @returns {string | undefined} why it cannot take part */
const missing = (program) =>
  existsSync(program) ? undefined : 'it is not installed: node bench/any-app/install.mjs';

/** @param {number} port @returns {Promise<boolean>} */
const answers = (port) =>
  new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/hello/first', agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
    });
    request.on('error', () => resolve(false));
  });

/** @param {Place} place @param {string[]} args @param {import('node:child_process').StdioOptions} [stdio] */
const runNode = ({ env, folder }, args, stdio = ['ignore', 'ignore', 'ignore']) =>
  spawn(process.execPath, args, { cwd: folder, env, stdio });

/** @param {Place} place @param {string[]} args */
async function toItsEnd(place, args) {
  const [code] = await once(runNode(place, args), 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
}

/** @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} [signal] */
async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/**
 * @typedef {object} Way
 * @property {string} label
 * @property {boolean} [ours]
 * @property {() => string | undefined} [absent]
 * @property {(place: Place) => Omit<Running, 'port' | 'firstAnswerMs'>} start
 */

/** @type {Record<string, Way>} */
export const ways = {
  node: {
    label: 'node app.js, one process',
    start(place) {
      const child = runNode(place, [app]);
      return { pids: () => [Number(child.pid)], reload: undefined, close: () => end(child) };
    },
  },
  command: {
    label: 'flotilla start',
    ours: true,
    start(place) {
      const child = runNode(place, [command, 'start', app, '-w', '2', '--name', 'bench']);
      return {
        pids: () => family([Number(child.pid)]),
        reload: () => toItsEnd(place, [command, 'reload', '--name', 'bench']),
        close: () => end(child),
      };
    },
  },
  'start-server': {
    label: 'startServer',
    ours: true,
    start(place) {
      const child = runNode(place, [here('start-server.cjs')], ['ignore', 'ignore', 'ignore', 'ipc']);
      return {
        pids: () => family([Number(child.pid)]),
        async reload() {
          const done = once(child, 'message');
          child.send('restart');
          await done;
        },
        close: () => end(child),
      };
    },
  },
  pm2: {
    label: 'pm2 start -i 2',
    absent: () => missing(pm2),
    start(place) {
      const started = toItsEnd(place, [pm2, 'start', app, '-i', '2', '--name', 'bench']);
      return {
        pids: () => family([Number(readFileSync(path.join(place.folder, 'pm2.pid'), 'utf8'))]),
        reload: () => toItsEnd(place, [pm2, 'reload', 'bench']),
        async close() {
          await started;
          await toItsEnd(place, [pm2, 'kill']);
        },
      };
    },
  },
  watt: {
    label: 'wattpm start, 2 workers',
    absent: () => (major < 22 ? `it needs Node.js 22, and this is ${process.version}` : missing(watt)),
    start(place) {
      prepareWatt(place);
      const child = runNode(place, [watt, 'start']);
      return {
        pids: () => family([Number(child.pid)]),
        reload: () => toItsEnd(place, [watt, 'restart', 'bench']),
        // It waits ten seconds for an app that exports no function to close it.
        close: () => end(child, 'SIGKILL'),
      };
    },
  },
};

/** What Watt needs beside the app. @param {Place} place */
function prepareWatt({ folder }) {
  const write = (/** @type {string} */ file, /** @type {object} */ value) =>
    writeFileSync(path.join(folder, file), JSON.stringify(value));
  mkdirSync(path.join(folder, 'web'));
  symlinkSync(path.join(store, 'node_modules'), path.join(folder, 'node_modules'));
  const schema = (/** @type {string} */ name) => {
    const { version } = JSON.parse(
      readFileSync(path.join(store, `node_modules/@platformatic/${name}/package.json`), 'utf8'),
    );
    return `https://schemas.platformatic.dev/@platformatic/${name}/${version}.json`;
  };
  write('package.json', { name: 'bench' });
  write('watt.json', {
    $schema: schema('runtime'),
    entrypoint: 'web',
    server: { hostname: '127.0.0.1', port: '{PORT}' },
    logger: { level: 'silent' },
    applications: [{ id: 'web', path: './web', workers: 2 }],
  });
  write('web/package.json', { name: 'web', main: 'app.cjs', dependencies: { '@platformatic/node': '*' } });
  write('web/watt.json', { $schema: schema('node') });
  writeFileSync(path.join(folder, 'web/app.cjs'), `require(${JSON.stringify(app)});\n`);
}

/**
 * Starts the app, and waits for its first answer.
 *
 * @param {string} name of a way
 * @returns {Promise<Running>}
 */
export async function startWay(name) {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-bench-'));
  const port = await freePort();
  const { XDG_RUNTIME_DIR: _runtime, ...environment } = process.env;
  const env = {
    ...environment,
    NODE_ENV: 'production',
    PORT: String(port),
    // PM2 starts workers by the `node` of the PATH.
    PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
    PM2_HOME: folder,
    PLT_TELEMETRY: '0',
  };
  const began = performance.now();
  const running = /** @type {Way} */ (ways[name]).start({ env, folder, port });
  while (!(await answers(port))) {
    await pause(2);
    if (performance.now() - began > 60_000) throw new Error(`${name} does not answer`);
  }
  const firstAnswerMs = performance.now() - began;
  const close = async () => {
    await running.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...running, close, port, firstAnswerMs };
}

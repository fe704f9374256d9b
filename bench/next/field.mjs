// The application of Next that the tests have, built once for each of its caches, and the suites that compare them under load.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { copyPackage } from '../../scripts/copy-package.mjs';
import { installPeers } from '../../scripts/peers.mjs';
import { root } from '../../scripts/run.mjs';
import { cpuTime, family } from '../balancer/cpu.mjs';
import { startNode } from '../balancer/programs.mjs';
import { load } from '../balancer/wrk.mjs';

/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */
/** @typedef {import('../harness/types.d.ts').Suite} Suite */
/** @typedef {{ perSecond: number, cpuPerRequest: number }} Figures */

const fixture = path.join(root, '__test__/fixtures/next-app');
const [server, serves] = ['server.mjs', 'bench-server.mjs'];
const SHORTEST = 200;

/** Where each build stands. */
const builds = { shared: '.next', default: '.next-default' };
/** @typedef {keyof typeof builds} Cache */

/** @param {Cache} cache */
const environment = (cache) => ({
  ...process.env,
  NEXT_CACHE: cache,
  NEXT_TELEMETRY_DISABLED: '1',
  NODE_ENV: /** @type {const} */ ('production'),
  FLOTILLA_ADDON: process.env.FLOTILLA_ADDON ?? path.join(root, 'lib/native/flotilla.node'),
});

/** Whether a build is younger than all that it is made from. @param {string} build */
function isFresh(build) {
  if (!existsSync(build)) return false;
  const files = readdirSync(fixture, { recursive: true, encoding: 'utf8' });
  const { mtimeMs } = statSync(build);
  return files.every((file) => statSync(path.join(fixture, file)).mtimeMs < mtimeMs);
}

/** Before anything is served from there: what is served is not to change. @type {Promise<string> | undefined} */
let installed;

/** The application, with this package beside Next. @returns {Promise<string>} its folder */
async function install() {
  const folder = await installPeers('next-app');
  cpSync(fixture, folder, { recursive: true });
  cpSync(new URL(server, import.meta.url), path.join(folder, serves));
  rmSync(path.join(folder, 'node_modules/flotilla'), { recursive: true, force: true });
  copyPackage(folder);
  return folder;
}

/** @param {Cache} cache @returns {Promise<string>} the folder of the application */
async function built(cache) {
  installed ??= install();
  const folder = await installed;
  if (isFresh(path.join(folder, builds[cache], 'BUILD_ID'))) return folder;
  const args = [path.join(folder, 'node_modules/next/dist/bin/next'), 'build'];
  const env = environment(cache);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`Next could not be built: ${stdout}${stderr}`);
  return folder;
}

/** @type {Record<string, { address: string, says: string }>} */
const pages = {
  isr: { address: '/isr/built', says: 'a page that is rendered once' },
  use: { address: '/cached', says: 'a page with `use cache`' },
};
/** @type {Record<Cache, string>} */
const labels = { shared: 'flotilla/next, 2 workers', default: 'Next’s own caches, 1 process' };

/** One server for both of its pages: closed when the last has gone. @type {Map<Cache, { users: number, server: Promise<any> }>} */
const running = new Map();

/** @param {Cache} cache */
async function start(cache) {
  const folder = await built(cache);
  return startNode([path.join(folder, serves), cache], [], environment(cache));
}

/** @param {Cache} cache */
async function borrow(cache) {
  const shared = running.get(cache) ?? { users: 0, server: start(cache) };
  shared.users += 1;
  running.set(cache, shared);
  const its = await shared.server;
  const close = async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    running.delete(cache);
    await its.close();
  };
  return { port: its.port, pids: family(its.pids), close };
}

/** @param {Cache} cache @param {string} page @returns {Contestant} */
function contestant(cache, page) {
  const { address, says } = /** @type {typeof pages[string]} */ (pages[page]);
  return {
    id: `${cache}-${page}`,
    label: `${labels[cache]}: ${says}`,
    kind: 'round',
    ours: cache === 'shared',
    programs: ['wrk'],
    async prepare({ milliseconds }) {
      const { port, pids, close } = await borrow(cache);
      const round = async () => {
        const before = cpuTime(pids);
        const wanted = { milliseconds: Math.max(milliseconds, SHORTEST), address, connections: 16 };
        const { requests, perSecond } = await load(port, wanted);
        return { perSecond, cpuPerRequest: (cpuTime(pids) - before) / requests };
      };
      return { round, close };
    },
  };
}

const ids = Object.keys(pages);
const shared = {
  rounds: 9,
  milliseconds: 2000,
  contestants: ids.flatMap((page) => [contestant('shared', page), contestant('default', page)]),
};
const rows = ids.map((page) => ({ subject: `shared-${page}`, reference: `default-${page}` }));

/** What a page costs: also what two processes lose that keep both cores busy. @type {Suite} */
export const cpu = {
  ...shared,
  title: 'Pages of Next: processor time of a request',
  measures: 'What all processes of the server use, 16 connections of wrk',
  unit: 'µs',
  direction: 'lower is better',
  figure: (/** @type {Figures} */ { cpuPerRequest }) => cpuPerRequest,
  rows,
};

/** @type {Suite} */
export const perSecond = {
  ...shared,
  title: 'Pages of Next: requests a second',
  measures:
    'Two workers beside one process, 16 connections of wrk, which shares the two cores with what it loads',
  unit: 'requests/s',
  direction: 'higher is better',
  figure: (/** @type {Figures} */ figures) => figures.perSecond,
  also: { 'adapters-next-cpu': cpu },
  rows: rows.map((row) => ({ ...row, bar: 'at least 0.95' })),
};

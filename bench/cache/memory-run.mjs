// A cluster of so many workers that all read 100 MB of values; prints how many bytes of memory the segment takes up in
// all processes together, by the shares that Linux reckons (Pss). Usage: node memory-run.mjs <workers>

import cluster from 'node:cluster';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { LRUCacheClustered } from 'flotilla';

const COUNT = 1000;
const value = Buffer.alloc(100_000, 7);
// Before the first cache: that settles how much memory there is. In a worker it does nothing.
LRUCacheClustered.bootstrap({ memory: '512mb' });
const cache = new LRUCacheClustered({ namespace: 'memory', max: 2 * COUNT });

/** @param {number} pid */
function share(pid) {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return mappings
    .filter((mapping) => /^.*memfd:flotilla/.test(mapping))
    .reduce((sum, mapping) => sum + 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(mapping)?.[1] ?? 0), 0);
}

if (cluster.isPrimary) {
  for (let key = 0; key < COUNT; key++) cache.sync.set(key, value);
  const workers = Array.from({ length: Number(process.argv[2]) }, () => cluster.fork());
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const pids = [process.pid, ...workers.map((worker) => worker.process.pid ?? 0)];
  console.log(pids.reduce((sum, pid) => sum + share(pid), 0));
  for (const worker of workers) worker.kill('SIGKILL');
} else {
  for (let key = 0; key < COUNT; key++) cache.sync.get(key);
  process.send?.('read');
}

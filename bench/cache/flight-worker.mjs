// A cluster worker that leads or follows flights as it is told. Times are those of the monotonic clock, which all
// processes share.

import { LRUCacheClustered } from 'flotilla';

const cache = new LRUCacheClustered({ namespace: 'flights', max: 10 });
const now = () => Number(process.hrtime.bigint());

/** @type {() => void} */
let land = () => {};

process.on('message', async (/** @type {{ bench: string, key: string }} */ { bench, key }) => {
  if (bench === 'lead') {
    await cache.fetch(key, async () => {
      const landing = new Promise((resolve) => {
        land = () => resolve(undefined);
      });
      process.send?.({ bench: 0 });
      await landing;
      return now();
    });
  } else if (bench === 'follow') {
    const flight = cache.fetch(key, now);
    process.send?.({ bench: 0 });
    const landed = await flight;
    process.send?.({ bench: { waited: now() - landed, landed } });
  } else land();
});

process.send?.({ bench: 0 });

// A server with a lifecycle: run it with "node examples/lifecycle.mjs", and try
//   curl localhost:3000/             counts visits in the store of the present generation
//   curl localhost:3000/health       what the checks say
//   kill -USR2 <process>             a restart: fresh store, same port, nothing dropped
//   kill <process>, or Ctrl-C        answers what is under way, closes the store, and ends

import { setTimeout as pause } from 'node:timers/promises';
import { createContext, createServer, express } from 'flotilla';

/** Stands for a database that takes its time. @param {number} generation */
async function openStore(generation) {
  await pause(50);
  console.log(`store ${generation} opened`);
  let visits = 0;
  return {
    visit: () => ++visits,
    ping: () => true,
    async close() {
      await pause(50);
      console.log(`store ${generation} closed after ${visits} visits`);
    },
  };
}

const context = createContext({
  resources: {
    store: {
      open: ({ generation }) => openStore(generation),
      close: (store) => store.close(),
      check: (store) => store.ping(),
    },
  },
  health: { memory: () => process.memoryUsage().rss < 2 ** 30 },
});

const server = createServer(context, {
  app({ store, generation }) {
    const app = express();
    app.get('/', async (_request, response) => {
      await pause(100);
      response.send(`Visit ${store.visit()} of generation ${generation}, in process ${process.pid}.\n`);
    });
    return app;
  },
});

server.on('restarted', () => console.log('restarted'));
await server.start();
console.log(`process ${process.pid} serves on http://localhost:${server.getPort()}`);

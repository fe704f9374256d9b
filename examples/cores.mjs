// An application on every core: run it with "node examples/cores.mjs", and try
//   curl localhost:3000/             a connection each: the workers take turns
//   kill -USR2 <process>             new workers, with nothing dropped
//   kill <process>, or Ctrl-C        answers what is under way, and ends
// Kill a worker, and it is replaced.

import { express, startServer } from 'flotilla';

const app = express();
app.get('/', (_request, response) => response.send(`Hello from process ${process.pid}.\n`));

const { mode, pid, host, port } = await startServer(app, { workers: 2 });
if (mode === 'primary') console.log(`process ${pid} serves on http://${host}:${port}`);

// The same visitor comes to the same worker, which knows how often. Run it with "node examples/sticky.mjs", and try
//   curl -H 'x-visitor: ann' localhost:3000/

import { express, startServer, stickyLoadBalancer } from 'flotilla';

const visits = new Map();
const app = express();
app.get('/', (request, response) => {
  const visitor = request.get('x-visitor') ?? 'a stranger';
  const count = (visits.get(visitor) ?? 0) + 1;
  visits.set(visitor, count);
  response.send(`Visit ${count} of ${visitor}, in process ${process.pid}.\n`);
});

const options = { workers: 2, loadBalancer: stickyLoadBalancer({ by: 'header:x-visitor' }) };
const { mode, host, port } = await startServer(app, options);
if (mode === 'primary') console.log(`serves on http://${host}:${port}`);

// A strategy of one's own: the same visitor comes to the same worker, which knows how often. Run it with
// "node examples/sticky.mjs", and try
//   curl -H 'x-visitor: ann' localhost:3000/

import { createHash } from 'node:crypto';
import { defaultLoadBalancer, express, startServer } from 'flotilla';

/**
 * By a hash of the name; who gives none goes where the default says.
 *
 * @type {import('flotilla').LoadBalancerFunction}
 */
function sticky(context) {
  const { candidates, request } = context;
  const visitor = request.headers['x-visitor'];
  if (visitor === undefined) return defaultLoadBalancer(context);
  const place = createHash('sha256').update(visitor).digest().readUInt32BE() % candidates.length;
  return candidates.toSorted((one, other) => one.workerIndex - other.workerIndex)[place];
}

const visits = new Map();
const app = express();
app.get('/', (request, response) => {
  const visitor = request.get('x-visitor') ?? 'a stranger';
  const count = (visits.get(visitor) ?? 0) + 1;
  visits.set(visitor, count);
  response.send(`Visit ${count} of ${visitor}, in process ${process.pid}.\n`);
});

// The head is waited for longer than by default: a client far away sends it later than its connection.
const options = { workers: 2, loadBalancer: sticky, requestInspectionTimeoutMs: 1000 };
const { mode, host, port } = await startServer(app, options);
if (mode === 'primary') console.log(`serves on http://${host}:${port}`);

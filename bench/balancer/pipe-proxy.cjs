// A proxy as one writes it in JavaScript: a connection to a worker for each client, piped both ways. Arguments: the
// ports of the workers.

const net = require('node:net');

const host = '127.0.0.1';
const ports = process.argv.slice(2).map(Number);
let turn = 0;

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const port = ports[turn++ % ports.length];
  const worker = net.connect({ host, port, noDelay: true, allowHalfOpen: true });
  const cut = () => {
    client.destroy();
    worker.destroy();
  };
  client.on('error', cut).pipe(worker).on('error', cut).pipe(client);
});

server.listen({ host, port: 0, backlog: 4096 }, () => {
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  console.log(`port ${port}`);
  process.stdin.resume().on('end', () => process.exit());
});

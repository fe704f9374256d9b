// The front in proxy mode, in a process of its own. Arguments: the ports of the workers.

const { proxy } = require('../../lib/cluster/fronts/proxy.js');
const { NativeFront } = require('../../lib/cluster/fronts/native.js');

const config = /** @type {any} */ ({
  host: '127.0.0.1',
  port: 0,
  allowHalfOpen: true,
  proxyProtocol: false,
  requestInspectionTimeoutMs: 10,
  maxHeaderBytes: 16384,
});
const front = new NativeFront({ config, candidates: () => [], count() {}, record() {} }, proxy(config));

async function run() {
  const { port } = await front.bind();
  for (const [seat, workerPort] of process.argv.slice(2).map(Number).entries()) {
    await front.ready({
      seat,
      id: `worker-${seat}`,
      workerIndex: seat,
      host: '127.0.0.1',
      port: workerPort,
    });
  }
  front.open();
  console.log(`port ${port}`);
  // The thread does the work; this process only has to stay.
  process.stdin.resume().on('end', () => process.exit());
}

run();

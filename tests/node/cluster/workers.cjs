// A cluster: connections go round the workers, which share one address; a worker can be told to go.
const cluster = require('node:cluster');
const net = require('node:net');
const { once } = require('node:events');

if (cluster.isPrimary) {
  const run = async () => {
    const workers = [cluster.fork(), cluster.fork()];
    const [[address], [other]] = await Promise.all(workers.map((worker) => once(worker, 'listening')));
    console.log(address.port === other.port, address.addressType);
    const seen = new Set();
    for (let turn = 0; turn < 6; turn += 1) {
      const socket = net.connect(address.port, '127.0.0.1');
      seen.add(String((await once(socket, 'data'))[0]));
      await once(socket, 'close');
    }
    console.log([...seen].sort());
    for (const worker of workers) {
      worker.send('go');
      const [code, signal] = await once(worker, 'exit');
      console.log(worker.id, code, signal, worker.exitedAfterDisconnect);
    }
  };
  run();
} else {
  net.createServer((socket) => socket.end(`worker ${cluster.worker.id}`)).listen(0);
  process.on('message', () => cluster.worker.disconnect());
}

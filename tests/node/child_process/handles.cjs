// Handles that travel: a connection, a server, a UDP socket.
const { fork } = require('node:child_process');
const dgram = require('node:dgram');
const net = require('node:net');
const { once } = require('node:events');

if (process.argv[2] === 'child') {
  process.on('message', (what, handle) => {
    if (what === 'connection') handle.end('from the child');
    if (what === 'server') {
      handle.on('connection', (socket) => {
        socket.end('served by the child');
        handle.close();
      });
      process.send('serving');
    }
    if (what === 'udp') {
      handle.once('message', (message) => {
        process.send(`got ${message}`);
        handle.close();
      });
      process.send('bound');
    }
    if (what === 'go') process.disconnect();
  });
} else {
  const run = async () => {
    const child = fork(__filename, ['child']);
    const server = net.createServer((socket) => child.send('connection', socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const first = net.connect(server.address().port, '127.0.0.1');
    console.log(String((await once(first, 'data'))[0]));
    await once(first, 'close');
    server.close();

    const shared = net.createServer().listen(0, '127.0.0.1');
    await once(shared, 'listening');
    const { port } = shared.address();
    child.send('server', shared);
    console.log((await once(child, 'message'))[0]);
    shared.close();
    const second = net.connect(port, '127.0.0.1');
    console.log(String((await once(second, 'data'))[0]));
    await once(second, 'close');

    const udp = dgram.createSocket('udp4');
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const where = udp.address().port;
    child.send('udp', udp);
    console.log((await once(child, 'message'))[0]);
    udp.close();
    const sender = dgram.createSocket('udp4');
    sender.send('a message', where, '127.0.0.1');
    console.log((await once(child, 'message'))[0]);
    sender.close();

    child.send('go');
    console.log(await once(child, 'exit'));
  };
  run();
}

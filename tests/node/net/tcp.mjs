// TCP over the loopback: addresses, half-close, a megabyte against backpressure, refusal, an address in use, a reset.
import net from 'node:net';
import { once } from 'node:events';

const hide = (text) => String(text).replaceAll(/\b\d{4,5}\b/g, 'PORT');

const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
  let text = '';
  for await (const chunk of socket) text += chunk;
  socket.end(`${text.length} bytes, ${text.slice(0, 3)}`);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { address, family, port } = server.address();
console.log(address, family, port > 0);

const client = net.connect({ port, host: '127.0.0.1' });
await once(client, 'connect');
console.log(client.remoteAddress, client.remotePort === port, client.localAddress, client.localFamily);
client.write('a'.repeat(1 << 20));
client.end('b');
console.log(String((await once(client, 'data'))[0]));
await once(client, 'close');
console.log('read', client.bytesRead, 'written', client.bytesWritten);

const second = net.createServer();
second.listen(port, '127.0.0.1');
const [taken] = await once(second, 'error');
console.log(hide(taken.message), taken.code, taken.syscall, taken.errno);

server.close();
await once(server, 'close');
const [refused] = await once(net.connect(port, '127.0.0.1'), 'error');
console.log(hide(refused.message), refused.code, refused.syscall, refused.address);

const resetting = net.createServer((socket) => socket.resetAndDestroy()).listen(0);
await once(resetting, 'listening');
const victim = net.connect(resetting.address().port);
const [reset] = await once(victim, 'error');
console.log(reset.code);
resetting.close();

const dual = net.createServer((socket) => socket.end(socket.remoteAddress)).listen(0, '::');
await once(dual, 'listening');
for (const host of ['127.0.0.1', '::1']) {
  const socket = net.connect(dual.address().port, host);
  console.log(host, 'is seen as', String((await once(socket, 'data'))[0]));
  await once(socket, 'close');
}
dual.close();

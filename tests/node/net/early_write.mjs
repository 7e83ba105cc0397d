// What is written before the connection is there arrives, in order, and so does the end.
import net from 'node:net';
import { once } from 'node:events';

const server = net.createServer((socket) => {
  socket.setEncoding('utf8');
  let text = '';
  socket.on('data', (part) => (text += part));
  socket.on('end', () => socket.end(`got ${text}`));
});
server.listen(0);
await once(server, 'listening');
const socket = net.connect({ port: server.address().port, host: '127.0.0.1' });
console.log(socket.write('one '), socket.pending, socket.connecting);
socket.end('two');
console.log(String((await once(socket, 'data'))[0]));
server.close();

// Many at once: each gets its turn.
const busy = net.createServer((one) => one.end('served')).listen(0);
await once(busy, 'listening');
const answers = await Promise.all(
  Array.from({ length: 8 }, async () => {
    const one = net.connect(busy.address().port);
    const [answer] = await once(one, 'data');
    await once(one, 'close');
    return String(answer);
  }),
);
console.log(answers.every((answer) => answer === 'served'), answers.length);
busy.close();

// UDP: messages keep their bounds, a connected socket hears its peer only, groups, options, errors.
import dgram from 'node:dgram';
import { once } from 'node:events';

const server = dgram.createSocket('udp4');
server.bind(0, '127.0.0.1');
await once(server, 'listening');
const { port, family } = server.address();
console.log(family, port > 0);

const client = dgram.createSocket('udp4');
client.send(['one ', Buffer.from('two')], port, '127.0.0.1', (error, size) => console.log('sent', error, size));
const [message, from] = await once(server, 'message');
console.log(String(message), from.address, from.family, from.size, from.port === client.address().port);
client.send('', port, '127.0.0.1');
console.log('empty:', (await once(server, 'message'))[0].length);

client.connect(port, '127.0.0.1');
await once(client, 'connect');
console.log(client.remoteAddress().port === port);
client.send('connected');
console.log(String((await once(server, 'message'))[0]));
try {
  client.connect(port);
} catch (error) {
  console.log(error.code);
}
client.disconnect();
client.send('x'.repeat(70_000), port, '127.0.0.1', (error) => console.log(error.code, error.syscall));
await new Promise((done) => setImmediate(done));

const member = dgram.createSocket({ type: 'udp4', reuseAddr: true });
member.bind(0);
await once(member, 'listening');
member.addMembership('224.0.0.114', '127.0.0.1');
member.setMulticastInterface('127.0.0.1');
member.send('to all', member.address().port, '224.0.0.114');
console.log(String((await once(member, 'message'))[0]));
try {
  member.addMembership('224.0.0.114', '127.0.0.1');
} catch (error) {
  console.log(error.code, error.syscall);
}
member.dropMembership('224.0.0.114', '127.0.0.1');
member.setTTL(9);
try {
  member.setTTL(1000);
} catch (error) {
  console.log(error.code, error.syscall);
}
member.setBroadcast(true);

const second = dgram.createSocket('udp4');
second.bind(port, '127.0.0.1');
const [taken] = await once(second, 'error');
console.log(taken.code, taken.syscall);
for (const socket of [server, client, member]) socket.close();

// Names: what the machine knows itself, and a name server of our own.
import dgram from 'node:dgram';
import dns from 'node:dns';
import { once } from 'node:events';

const own = await dns.promises.lookup('localhost', { all: true });
console.log(own.some(({ address }) => address === '127.0.0.1'));
console.log(await dns.promises.lookup('127.0.0.1'), await dns.promises.lookup('::1'));
console.log(await dns.promises.lookup('localhost', 4));

const records = {
  a: [1, [192, 0, 2, 7]],
  mx: [15, [0, 10, 4, 0x6d, 0x61, 0x69, 0x6c, 0]],
  txt: [16, [3, 0x61, 0x62, 0x63, 2, 0x64, 0x65]],
  srv: [33, [0, 1, 0, 2, 0, 80, 1, 0x68, 0]],
  soa: [6, [1, 97, 0, 1, 98, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 255, 255, 255, 255]],
  naptr: [35, [0, 1, 0, 2, 1, 0x73, 1, 0x74, 1, 0x75, 1, 0x76, 0]],
  caa: [257, [128, 5, 0x69, 0x73, 0x73, 0x75, 0x65, 0x61, 0x62]],
  tlsa: [52, [3, 1, 1, 1, 2, 3]],
  cname: [5, [1, 0x63, 0]],
  ns: [2, [1, 0x6e, 0]],
  ptr: [12, [1, 0x70, 0]],
};
const server = dgram.createSocket('udp4', (question, { port, address }) => {
  const name = question.subarray(13, 13 + question[12]).toString();
  const answer = Buffer.from(question);
  answer.writeUInt16BE(name === 'none' ? 0x8183 : name === 'broken' ? 0x8182 : 0x8180, 2);
  const record = records[name];
  if (!record) return server.send(answer, port, address);
  answer.writeUInt16BE(1, 6);
  const head = Buffer.from([0xc0, 12, record[0] >> 8, record[0] & 255, 0, 1, 0, 0, 0, 60, 0, record[1].length]);
  server.send([answer, head, Buffer.from(record[1])], port, address);
});
server.bind(0, '127.0.0.1');
await once(server, 'listening');
const resolver = new dns.promises.Resolver({ timeout: 1000, tries: 1 });
resolver.setServers([`127.0.0.1:${server.address().port}`]);
console.log(await resolver.resolve4('a', { ttl: true }));
for (const kind of Object.keys(records).slice(1)) {
  console.log(await resolver[`resolve${kind[0].toUpperCase()}${kind.slice(1)}`](kind));
  console.log(await resolver.resolveAny(kind));
}
for (const name of ['none', 'broken', 'other']) {
  await resolver.resolve4(name).catch((error) => console.log(error.code, error.message));
}
const waiting = resolver.resolve4('a').catch((error) => console.log(error.code));
resolver.cancel();
await waiting;
server.close();

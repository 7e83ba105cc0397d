// Unix sockets: a path that comes and goes with the server, an abstract name, errors.
import net from 'node:net';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sockets-'));
const name = path.join(folder, 'server.sock');
const show = (text) => String(text).replaceAll(folder, 'FOLDER');

const serve = async (where) => {
  const server = net.createServer((socket) => socket.pipe(socket));
  server.listen(where);
  await once(server, 'listening');
  return server;
};
const echo = async (where) => {
  const client = net.connect(where);
  client.end('hello');
  let text = '';
  for await (const chunk of client) text += chunk;
  return text;
};

const server = await serve(name);
console.log(show(server.address()), fs.statSync(name).isSocket(), await echo(name));
const [taken] = await once(net.createServer().listen(name), 'error');
console.log(show(taken.message), taken.code);
server.close();
await once(server, 'close');
console.log('still there:', fs.existsSync(name));
const [missing] = await once(net.connect(name), 'error');
console.log(show(missing.message), missing.code, show(missing.address));
fs.writeFileSync(name, '');
const [file] = await once(net.connect(name), 'error');
console.log(show(file.message));

const open = net.createServer().listen({ path: path.join(folder, 'open'), readableAll: true, writableAll: true });
await once(open, 'listening');
console.log('mode', (fs.statSync(path.join(folder, 'open')).mode & 0o666).toString(8));
open.close();

const hidden = await serve(`\0cenote-${process.pid}`);
console.log(await echo(`\0cenote-${process.pid}`));
hidden.close();
fs.rmSync(folder, { recursive: true });

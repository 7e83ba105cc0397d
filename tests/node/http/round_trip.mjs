// A server and clients in one process: bodies, kept connections, pipelining, expectations, upgrades, aborts.
import http from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const server = http.createServer(async (request, response) => {
  if (request.url === '/echo') {
    request.pipe(response);
  } else if (request.url === '/large') {
    response.end(Buffer.alloc(1 << 20, 'x'));
  } else if (request.url === '/trailers') {
    response.writeHead(200, { Trailer: 'X-Sum' });
    response.write('part ');
    response.addTrailers({ 'X-Sum': '42' });
    response.end('end');
  } else if (request.url === '/continue') {
    response.end(await text(request));
  } else {
    response.writeHead(404, 'Nothing Here', { 'X-A': ['1', '2'] });
    response.end();
  }
});
server.on('upgrade', (request, socket, first) => {
  socket.write('HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  socket.end(`upgraded ${request.headers.upgrade} ${first}`);
});
server.listen(0);
await once(server, 'listening');
const { port } = server.address();
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

async function ask(path, options = {}, body) {
  const request = http.request({ port, path, agent, ...options });
  request.end(body);
  const [response] = await once(request, 'response');
  return { response, body: await text(response), reused: request.reusedSocket };
}

const first = await ask('/nowhere');
console.log(first.response.statusCode, first.response.statusMessage, first.response.headers['x-a'], first.reused);
const echo = await ask('/echo', { method: 'POST' }, 'a body');
console.log(echo.body, echo.response.headers['transfer-encoding'], echo.reused);
const large = await ask('/large');
console.log(large.body.length, large.response.headers['content-length'], large.reused);
const trailers = await ask('/trailers');
console.log(trailers.body, trailers.response.trailers, trailers.reused);

const expecting = http.request({ port, path: '/continue', method: 'POST', headers: { Expect: '100-continue' } });
expecting.flushHeaders();
await once(expecting, 'continue');
expecting.end('after 100');
const [continued] = await once(expecting, 'response');
console.log(continued.statusCode, await text(continued));

const upgrading = http.request({ port, headers: { Connection: 'Upgrade', Upgrade: 'echo' } });
upgrading.end();
const [answer, socket, head] = await once(upgrading, 'upgrade');
console.log(answer.statusCode, `${head}${await text(socket)}`);

const controller = new AbortController();
const aborted = http.get({ port, path: '/large', signal: controller.signal });
aborted.on('response', () => controller.abort());
const [error] = await once(aborted, 'error');
console.log(error.name, error.code, aborted.destroyed);

const refused = http.get({ port: 1 });
console.log((await once(refused, 'error'))[0].code);
agent.destroy();
server.close();
await once(server, 'close');
console.log('closed');

// The global fetch (undici, whose parser is WebAssembly): bodies both ways, redirects, streams, aborting, errors.
import http from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const server = http.createServer(async (request, response) => {
  if (request.url === '/json') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method: request.method, body: await text(request), accept: request.headers.accept }));
  } else if (request.url === '/redirect') {
    response.writeHead(302, { Location: '/json' }).end();
  } else if (request.url === '/slow') {
    response.write('one');
    setTimeout(() => response.end('two'), 20);
  } else if (request.url === '/cookies') {
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.end();
  }
});
server.listen(0);
await once(server, 'listening');
const base = `http://localhost:${server.address().port}`;

const got = await fetch(`${base}/json`);
console.log(got.status, got.ok, got.headers.get('content-type'), await got.json());
const posted = await fetch(`${base}/json`, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) });
console.log(await posted.json());
const redirected = await fetch(`${base}/redirect`);
console.log(redirected.redirected, new URL(redirected.url).pathname, (await redirected.json()).method);
console.log((await fetch(`${base}/cookies`)).headers.getSetCookie());

const chunks = [];
for await (const chunk of (await fetch(`${base}/slow`)).body) chunks.push(Buffer.from(chunk).toString());
console.log(chunks.join('+'));
const controller = new AbortController();
const slow = await fetch(`${base}/slow`, { signal: controller.signal });
controller.abort();
console.log(await slow.text().catch((error) => error.name));
console.log(await fetch('http://127.0.0.1:2/').catch((error) => [error.message, error.cause.code]));
const form = new FormData();
form.set('field', 'value');
form.set('file', new Blob(['content']), 'name.txt');
const sent = await (await fetch(`${base}/json`, { method: 'PUT', body: form })).json();
console.log(sent.method, sent.body.includes('filename="name.txt"'), sent.body.includes('content'));
server.closeAllConnections();
server.close();

// Messages that are right and messages that are not, over a plain socket: what the server answers, and which error it tells.
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    response.setHeader('X-Trailers', JSON.stringify(request.trailers));
    response.end(`${request.method} ${request.url} ${request.httpVersion} ${Buffer.concat(chunks)}`);
  });
});
server.on('clientError', (error, socket) => {
  socket.end(`${error.code} ${error.bytesParsed} ${error.reason}`);
});
server.listen(0);
await once(server, 'listening');

async function say(...parts) {
  const socket = net.connect(server.address().port);
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => { answer += text; });
  const closed = once(socket, 'close');
  for (const part of parts) {
    socket.write(part, 'latin1');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await closed;
  return answer.replace(/Date: [^\r]*/, 'Date: -').split('\r\n');
}

const head = 'Host: a\r\nConnection: close\r\n';
console.log(await say(`GET /x HTTP/1.1\r\n${head}\r\n`));
console.log(await say(`PO`, `ST /y HT`, `TP/1.1\r\n${head}Content-Le`, `ngth: 5\r`, `\n\r\nhe`, `llo`));
console.log(await say(`PUT /z HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n`));
console.log(await say(`NONSENSE / HTTP/1.1\r\n${head}\r\n`));
console.log(await say(`GET / HTTP/9.9\r\n${head}\r\n`));
console.log(await say(`GET / HTTP/1.1\r\n${head}Content-Length: x\r\n\r\n`));
console.log(await say(`POST / HTTP/1.1\r\n${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`));
console.log(await say(`GET / HTTP/1.1\r\n${head}A: ${'x'.repeat(20000)}\r\n\r\n`));
console.log(await say(`POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20000)}\r\n`));
console.log(await say(`GET / HTTP/1.1\r\n${head}${Array.from({ length: 40 }, (_, i) => `H${i}: ${i}\r\n`).join('')}\r\n`));
server.close();

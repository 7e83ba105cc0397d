// flags: --experimental-network-inspection
// A session sees requests that the program makes, and their bodies.
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
const names = [];
let id;
session.on('inspectorNotification', ({ method, params }) => {
  if (!method.startsWith('Network.')) return;
  names.push(method);
  id = params.requestId;
  if (method === 'Network.requestWillBeSent') {
    console.log(params.request.method, params.request.hasPostData, params.initiator.type, params.initiator.stack.callFrames.length > 0);
  }
  if (method === 'Network.responseReceived') {
    console.log(params.type, params.response.status, params.response.statusText, params.response.mimeType, params.response.charset);
  }
});
await session.post('Network.enable');
const server = createServer((incoming, response) => {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end('hello there');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const finished = once(session, 'Network.loadingFinished');
const outgoing = request({ port: server.address().port, path: '/x?y=1' });
outgoing.end();
const [response] = await once(outgoing, 'response');
response.resume();
await once(response, 'end');
await finished;
console.log([...new Set(names)]);
console.log(await session.post('Network.getResponseBody', { requestId: id }));
await session.post('Network.getResponseBody', { requestId: id }).catch((error) => console.log(error.message));
await session.post('Network.getResponseBody').catch((error) => console.log(error.message));
await session.post('Network.disable');
server.close();
session.disconnect();

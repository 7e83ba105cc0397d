// HTTP/2 without TLS: requests, bodies, pushes, trailers, pings, settings, resets, flow control, closing.
import http2 from 'node:http2';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const server = http2.createServer({ settings: { initialWindowSize: 70000 } });
server.on('stream', (stream, headers) => {
  const path = headers[':path'];
  stream.on('error', (error) => console.log('server', error.code));
  if (path === '/echo') {
    stream.respond({ ':status': 200, 'x-method': headers[':method'] });
    stream.pipe(stream);
  } else if (path === '/push') {
    stream.pushStream({ ':path': '/pushed' }, (error, push) => {
      push.respond({ ':status': 200 });
      push.end('pushed body');
    });
    stream.respond();
    stream.end('page');
  } else if (path === '/trailers') {
    stream.respond({}, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
    stream.end('with trailers');
  } else if (path === '/reset') {
    stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  } else {
    stream.respond({ ':status': 404, 'set-cookie': ['a', 'b'] }, { endStream: true });
  }
});
server.listen(0);
await once(server, 'listening');
const client = http2.connect(`http://localhost:${server.address().port}`);
await once(client, 'remoteSettings');
console.log(client.remoteSettings.initialWindowSize, client.localSettings.enablePush, client.alpnProtocol);

async function ask(headers, body) {
  const stream = client.request(headers);
  stream.end(body);
  const [answer] = await once(stream, 'response');
  return [answer, await text(stream), stream];
}

let [headers, body] = await ask({ ':path': '/echo', ':method': 'POST' }, 'a body');
console.log(headers[':status'], headers['x-method'], body);
[headers, body] = await ask({ ':path': '/none' });
console.log(headers[':status'], headers['set-cookie'], JSON.stringify(body));
[, body] = await ask({ ':path': '/echo', ':method': 'POST' }, Buffer.alloc(300000, 'y'));
console.log(body.length, new Set(body).size);

const pushed = once(client, 'stream').then(async ([stream, requested]) => [requested[':path'], await text(stream)]);
[, body] = await ask({ ':path': '/push' });
console.log(body, await pushed);
const stream = client.request({ ':path': '/trailers' });
const trailers = once(stream, 'trailers');
console.log(await text(stream), (await trailers)[0]['x-sum']);

const reset = client.request({ ':path': '/reset' });
console.log((await once(reset, 'error'))[0].code, reset.rstCode);
const payload = await new Promise((resolve) => client.ping(Buffer.from('12345678'), (error, duration, data) => resolve(`${data}`)));
console.log(payload);
console.log(http2.getPackedSettings({ enablePush: false, maxFrameSize: 20000 }).toString('hex'));
console.log(client.state.nextStreamID > 1, client.destroyed);
client.close();
await once(client, 'close');
server.close();
await once(server, 'close');
console.log('closed');

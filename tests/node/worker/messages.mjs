// Message channels in one thread: order, transfers, errors, closing.
import { MessageChannel, MessagePort, BroadcastChannel, receiveMessageOnPort } from 'node:worker_threads';
import { once } from 'node:events';

const { port1, port2 } = new MessageChannel();
const seen = [];
port2.on('message', (value) => seen.push(value));
port1.postMessage(1);
port1.postMessage(new Map([['a', new Set([1n])]]));
port1.postMessage({ date: new Date(0), re: /x/g, error: new RangeError('far') });
const closed = once(port2, 'close');
setTimeout(() => port1.close(), 10);
await closed;
console.log(seen.length, seen[0], seen[1], seen[2].date.toISOString(), seen[2].re, seen[2].error.name, seen[2].error.message);

{
  const { port1, port2 } = new MessageChannel();
  const bytes = new Uint8Array([1, 2, 3]);
  port1.postMessage(bytes, [bytes.buffer]);
  console.log(bytes.byteLength, receiveMessageOnPort(port2), receiveMessageOnPort(port2));
  const shared = new Int32Array(new SharedArrayBuffer(8));
  port1.postMessage(shared);
  const other = receiveMessageOnPort(port2).message;
  other[1] = 7;
  console.log(shared[1], other.buffer instanceof SharedArrayBuffer);
  const inner = new MessageChannel();
  port1.postMessage({ inner: inner.port1 }, [inner.port1]);
  const moved = receiveMessageOnPort(port2).message.inner;
  moved.postMessage('through the moved port');
  console.log(moved instanceof MessagePort, receiveMessageOnPort(inner.port2).message);
  for (const [value, list] of [
    [() => {}, []],
    [1, [port1]],
    [inner.port2, []],
    [1, [bytes.buffer]],
    [1, [{}]],
    [Symbol('s'), []],
  ]) {
    try {
      port1.postMessage(value, list);
      console.log('posted');
    } catch (e) {
      console.log(e.name, e.code, e.message);
    }
  }
  port1.close();
  inner.port2.close();
}

{
  const one = new BroadcastChannel('news');
  const two = new BroadcastChannel('news');
  const three = new BroadcastChannel('other');
  three.onmessage = () => console.log('never');
  const heard = new Promise((resolve) => { two.onmessage = ({ data }) => resolve(data); });
  one.postMessage({ hello: 'all' });
  console.log(await heard);
  for (const channel of [one, two, three]) channel.close();
  try {
    one.postMessage(1);
  } catch (e) {
    console.log(e.name, e.message);
  }
}

const buffer = new ArrayBuffer(4);
const copy = structuredClone({ buffer, list: [buffer] }, { transfer: [buffer] });
console.log(buffer.byteLength, copy.buffer === copy.list[0], copy.buffer.byteLength);

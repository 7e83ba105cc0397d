// The NodeWorker domain: a session of the main thread talks to a worker, which waits for it.
import { Session } from 'node:inspector/promises';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const session = new Session();
session.connect();
const told = [];
let next = 1;
const waiting = new Map();
session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
  const message = JSON.parse(params.message);
  waiting.get(message.id ?? message.method)?.(message.result ?? message.params);
});
const ask = async (sessionId, method, params = {}) => {
  const id = next++;
  const answer = new Promise((resolve) => waiting.set(id, resolve));
  await session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method, params }) });
  return answer;
};
const attached = once(session, 'NodeWorker.attachedToWorker');
const detached = once(session, 'NodeWorker.detachedFromWorker');
await session.post('NodeWorker.enable', { waitForDebuggerOnStart: true });
const worker = new Worker('globalThis.value = 40 + 2; debugger; require("worker_threads").parentPort.postMessage("done");', { eval: true });
worker.on('message', (message) => told.push(message));
const [{ params }] = await attached;
console.log(params.workerInfo.type, params.workerInfo.title, params.waitingForDebugger);
await ask(params.sessionId, 'Debugger.enable');
const paused = new Promise((resolve) => waiting.set('Debugger.paused', resolve));
await ask(params.sessionId, 'Runtime.runIfWaitingForDebugger');
const { reason } = await paused;
console.log(reason, told);
const again = new Promise((resolve) => waiting.set('Debugger.paused', resolve));
if (reason === 'Break on start') {
  await ask(params.sessionId, 'Debugger.resume');
  await again;
}
console.log((await ask(params.sessionId, 'Runtime.evaluate', { expression: 'value' })).result.value);
await ask(params.sessionId, 'Debugger.resume');
await session.post('NodeWorker.detach', { sessionId: params.sessionId });
await Promise.all([once(worker, 'exit'), detached]);
console.log(told);
session.disconnect();

// A session with the program's own inspector: evaluation, console calls, a breakpoint, profiles.
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
console.log(await session.post('Runtime.evaluate', { expression: '1 + 1' }));
const awaited = await session.post('Runtime.evaluate', {
  expression: 'Promise.resolve(5)',
  awaitPromise: true,
});
console.log(awaited.result);
await session.post('Foo.bar').catch((error) => console.log(error.code, error.message));
await session.post('NodeRuntime.notifyWhenWaitingForDisconnect').catch((error) => console.log(error.message));

const calls = [];
session.on('Runtime.consoleAPICalled', ({ params }) => calls.push(params));
await session.post('Runtime.enable');
console.log('hello', { a: 1 });
console.warn('careful');
await session.post('Runtime.disable');
for (const call of calls.slice(-2)) {
  const isNow = Math.abs(call.timestamp - Date.now()) < 60_000;
  console.log(call.type, call.args[0].value, call.args[1]?.preview.properties, isNow);
}

await session.post('Debugger.enable');
const doubled = (x) => {
  const y = x * 2;
  debugger;
  return y;
};
session.on('Debugger.paused', ({ params }) => {
  const [frame] = params.callFrames;
  console.log('paused in', frame.functionName, params.reason);
  session
    .post('Debugger.evaluateOnCallFrame', { callFrameId: frame.callFrameId, expression: 'x + y' })
    .then((answer) => console.log('evaluated', answer.result.value));
});
console.log(doubled(21));
await session.post('Debugger.disable');

await session.post('Profiler.enable');
await session.post('Profiler.start');
let sum = 0;
for (let index = 0; index < 100_000; index++) sum += index % 7;
const { profile } = await session.post('Profiler.stop');
console.log(Object.keys(profile).sort(), profile.nodes[0].callFrame.functionName, sum > 0);

let snapshot = '';
session.on('HeapProfiler.addHeapSnapshotChunk', ({ params }) => {
  snapshot += params.chunk;
});
await session.post('HeapProfiler.takeHeapSnapshot');
console.log(Object.keys(JSON.parse(snapshot)).slice(0, 3));

const required = await session.post('Runtime.evaluate', {
  expression: 'typeof require("fs").readFileSync',
  includeCommandLineAPI: true,
});
console.log(required.result.value, typeof globalThis.require);
session.disconnect();
await session.post('Runtime.evaluate', { expression: '1' }).catch((error) => console.log(error.code));
console.log(process.features.inspector, typeof console.createTask('task').run(() => 1));

// A worker debugs the main thread: it sees its globals, hits a breakpoint there, evaluates and lets it go on.
import { Session } from 'node:inspector/promises';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

if (isMainThread) {
  globalThis.secret = 42;
  const worker = new Worker(new URL(import.meta.url));
  const work = (a) => {
    const local = a + 1;
    debugger;
    return local;
  };
  worker.on('message', (message) => {
    console.log('main got', message);
    if (message === 'ready') console.log('worked', work(1));
  });
} else {
  const told = [];
  parentPort.on('message', () => {});
  const session = new Session();
  session.connectToMainThread();
  const { result } = await session.post('Runtime.evaluate', { expression: 'globalThis.secret' });
  told.push(result.value);
  await session.post('Debugger.enable');
  session.on('Debugger.paused', async ({ params }) => {
    const [frame] = params.callFrames;
    const local = await session.post('Debugger.evaluateOnCallFrame', {
      callFrameId: frame.callFrameId,
      expression: 'local',
    });
    told.push(frame.functionName, local.result.value);
    await session.post('Debugger.resume');
    session.disconnect();
    parentPort.postMessage(told);
    parentPort.close();
  });
  parentPort.postMessage('ready');
}

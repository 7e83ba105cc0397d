// Workers: data in and out, errors, exit codes, ends from outside, environment, memory shared and waited on.
import { Worker, SHARE_ENV, isMainThread, threadId } from 'node:worker_threads';
import { once } from 'node:events';

console.log(isMainThread, threadId);

function run(code, options = {}) {
  const worker = new Worker(code, { eval: true, ...options });
  const messages = [];
  const errors = [];
  worker.on('message', (message) => messages.push(message));
  worker.on('error', (error) => errors.push(`${error.name}: ${error.message}`));
  return { worker, done: once(worker, 'exit').then(([code]) => ({ code, messages, errors })).catch((error) => ({ error })) };
}

const head = "const { parentPort, workerData, threadId, isMainThread, resourceLimits } = require('worker_threads');";
const show = async (label, { done }) => console.log(label, JSON.stringify(await done));

{
  const { worker, done } = run(`${head} parentPort.once('message', (m) => parentPort.postMessage([m, workerData, isMainThread]));`, { workerData: { a: 1 } });
  worker.postMessage('hi');
  console.log('echo', JSON.stringify(await done));
}
await show('exit', run('process.exit(5)'));
await show('exitCode', run('process.exitCode = 3'));
await show('handlers', run(`${head} process.on('exit', (code) => parentPort.postMessage(['exit', code]));`));

{
  const worker = new Worker("throw new RangeError('out of it')", { eval: true });
  const [error] = await once(worker, 'error');
  const [code] = await once(worker, 'exit');
  console.log(error instanceof RangeError, error.message, code);
}
{
  const worker = new Worker('for (;;) {}', { eval: true });
  await once(worker, 'online');
  console.log('busy', await worker.terminate(), worker.threadId);
}
{
  const worker = new Worker('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)', { eval: true });
  await once(worker, 'online');
  console.log('waiting', await worker.terminate());
}
{
  const flag = new Int32Array(new SharedArrayBuffer(8));
  const { done } = run(`${head} Atomics.store(workerData, 1, 1); Atomics.wait(workerData, 0, 0); parentPort.postMessage(Atomics.load(workerData, 0));`, { workerData: flag });
  while (Atomics.load(flag, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  Atomics.store(flag, 0, 42);
  Atomics.notify(flag, 0);
  console.log('notified', JSON.stringify(await done));
}
process.env.SEEN = 'parent';
await show('copied', run(`${head} parentPort.postMessage(process.env.SEEN); process.env.SEEN = 'child';`));
console.log(process.env.SEEN);
await show('shared', run(`${head} parentPort.postMessage(process.env.SEEN); process.env.SEEN = 'child';`, { env: SHARE_ENV }));
console.log(process.env.SEEN);
await show('own', run(`${head} parentPort.postMessage(Object.keys(process.env));`, { env: { ONLY: 1 } }));
await show('argv', run(`${head} parentPort.postMessage([process.argv.slice(2), process.execArgv]);`, { argv: ['a', 1], execArgv: ['--no-warnings'] }));
try {
  new Worker('', { eval: true, execArgv: ['--title=x'] });
} catch (e) {
  console.log(e.code);
}
await show('nested', run(`${head}
  const { Worker } = require('worker_threads');
  new Worker("require('worker_threads').parentPort.postMessage('from below')", { eval: true })
    .on('message', (m) => parentPort.postMessage(m));`));
{
  const worker = new Worker("process.stdout.write('out'); process.stderr.write('err');", { eval: true, stdout: true, stderr: true });
  let out = '';
  let err = '';
  worker.stdout.on('data', (data) => { out += data; });
  worker.stderr.on('data', (data) => { err += data; });
  await once(worker, 'exit');
  console.log(out, err);
}
{
  const worker = new Worker('const all = []; for (;;) all.push([all]);', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 } });
  const [error] = await once(worker, 'error');
  console.log(error.code, error.message);
}

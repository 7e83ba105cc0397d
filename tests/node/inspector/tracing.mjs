// A session collects the program's trace events.
import { mkdirSync, rmdirSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
const events = [];
let completed = 0;
session.on('NodeTracing.dataCollected', ({ params }) => events.push(...params.value));
session.on('NodeTracing.tracingComplete', () => completed++);
const refused = (method, params) => session.post(method, params).then(() => console.log('no error'), (error) => console.log(error.message));

await refused('NodeTracing.start');
await refused('NodeTracing.start', { traceConfig: { includedCategories: [] } });
await session.post('NodeTracing.start', { traceConfig: { includedCategories: ['node.fs.sync'] } });
await refused('NodeTracing.start', { traceConfig: { includedCategories: ['v8'] } });
mkdirSync('made');
rmdirSync('made');
await session.post('NodeTracing.stop');
mkdirSync('later');
const names = events.map(({ ph, name }) => `${ph} ${name}`);
console.log(names.filter((name) => /fs\.sync\.(mkdir|rmdir)/.test(name)));
console.log(completed, events.every(({ pid }) => pid === process.pid));
await session.post('NodeTracing.stop');
session.disconnect();

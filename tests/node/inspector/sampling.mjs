// Profiles that a program takes of itself and of a worker.
import { once } from 'node:events';
import v8 from 'node:v8';
import { Worker } from 'node:worker_threads';

const handle = v8.startCpuProfile();
let sum = 0;
for (let index = 0; index < 1e6; index++) sum += index % 7;
const profile = JSON.parse(handle.stop());
console.log(Object.keys(profile).sort(), handle.stop(), sum > 0);

const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
await once(worker, 'online');
const cpu = await worker.startCpuProfile();
console.log(Object.keys(JSON.parse(await cpu.stop())).sort());
const heap = await worker.startHeapProfile();
await worker.startHeapProfile().catch((error) => console.log(error instanceof Error));
console.log(Object.keys(JSON.parse(await heap.stop())).sort());
await worker.terminate();
await worker.startCpuProfile().catch((error) => console.log(error.code));

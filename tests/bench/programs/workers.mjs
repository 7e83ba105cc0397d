// The same computation in each of two workers at once; the time from the first message to the last answer.
import { Worker } from "node:worker_threads";
import { once } from "node:events";

const job = `
  import { parentPort } from "node:worker_threads";
  parentPort.on("message", () => {
    let sum = 0;
    for (let i = 1; i < 60_000_000; i++) sum = (sum + i * i) % 1_000_003;
    parentPort.postMessage(sum);
  });
  parentPort.postMessage("ready");`;
const workers = [1, 2].map(() => new Worker(job, { eval: true }));
await Promise.all(workers.map((worker) => once(worker, "message")));
const start = process.hrtime.bigint();
const answers = workers.map((worker) => once(worker, "message"));
for (const worker of workers) worker.postMessage("go");
await Promise.all(answers);
console.log(String(process.hrtime.bigint() - start));
for (const worker of workers) worker.terminate();

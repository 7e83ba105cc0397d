// Seed 004, streaming output. Elided there: the import, making and disposing of the runtime, and what "later" is.
import { NodeRuntime } from "cenote";
const rt = await NodeRuntime.create();

const proc = await rt.spawn("setInterval(() => console.log('tick'), 100)", {
  onStdout: (chunk) => process.stdout.write(new TextDecoder().decode(chunk)),
});
// ... later
while (process.stdout.bytesWritten < 2 * "tick\n".length) await new Promise((resolve) => setTimeout(resolve, 50));
proc.kill(); // SIGTERM
await proc.wait();

await rt.dispose();

// Seed 004, "Long-running guests with rt.spawn". Elided there: the import, making and disposing of the runtime; `onStdout` shows the output.
import { NodeRuntime } from "cenote";
const rt = await NodeRuntime.create();

const proc = await rt.spawn(
  `
    process.stdin.on("data", (chunk) => {
      process.stdout.write("got: " + chunk.toString());
    });
  `,
  { onStdout: (chunk) => process.stdout.write(new TextDecoder().decode(chunk)) },
);

proc.writeStdin("hello\n"); // feed stdin
proc.closeStdin(); // signal end-of-input

const exitCode = await proc.wait();
console.log(proc.pid, exitCode);

await rt.dispose();

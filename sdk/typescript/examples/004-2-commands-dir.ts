// Seed 004, "Where the commands come from". Elided there: the import, a directory that is there, and what is done with it.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "cenote";

// A wasm32-wasip1 command that ends with status 7: (import "wasi_snapshot_preview1" "proc_exit") (func (export "_start") (proc_exit 7)).
const seven = Buffer.from(
  "0061736d0100000001080260017f006000000224011677617369" +
    "5f736e617073686f745f70726576696577310970726f635f6578697400000302010105030100010713020" +
    "66d656d6f72790200065f737461727400010a08010600410710000b",
  "hex",
);
const directory = mkdtempSync(join(tmpdir(), "commands-"));
writeFileSync(join(directory, "seven"), seven);

const rt = await NodeRuntime.create({
  commandsDir: directory,
});
console.log("exitCode:", (await rt.execCommand("seven")).exitCode);
await rt.dispose();

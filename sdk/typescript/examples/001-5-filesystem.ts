// Seed 001, "Filesystem".
import { createNodeDriver, createInMemoryFileSystem } from "cenote";

const fs = createInMemoryFileSystem();
await fs.writeFile("/app/data.json", '{"key": "value"}');

const driver = createNodeDriver({ filesystem: fs });

export { driver };

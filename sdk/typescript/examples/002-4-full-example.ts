// Seed 002, "Full example".
import {
  NodeRuntime,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  allowAllFs,
} from "cenote";

const runtime = new NodeRuntime({
  systemDriver: createNodeDriver({
    useDefaultNetwork: true,
    permissions: {
      fs: allowAllFs,
      network: (req) => req.hostname !== "localhost",
      childProcess: false,
    },
  }),
  runtimeDriverFactory: createNodeRuntimeDriverFactory(),
});

await runtime.exec(`
  const fs = require('fs');
  fs.writeFileSync('/tmp/test.txt', 'hello');   // allowed
  await fetch('https://example.com');            // allowed
  await fetch('http://localhost:8080');           // blocked
`);

// Elided there: the end.
await runtime.dispose();

// Seed 001, "Allow-all helpers". Elided there: the import of `createNodeDriver`.
import { createNodeDriver } from "cenote";
import { allowAllFs, allowAllNetwork, allowAllChildProcess, allowAllEnv, allowAll } from "cenote";

const driver = createNodeDriver({
  permissions: { ...allowAllFs, ...allowAllNetwork },
});

// Or allow everything:
const permissive = createNodeDriver({ permissions: allowAll });

export { allowAllChildProcess, allowAllEnv, driver, permissive };

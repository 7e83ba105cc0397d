// Seed 002, "Permission helpers".
import {
  createNodeDriver,
  allowAll,
  allowAllFs,
  allowAllNetwork,
  allowAllChildProcess,
  allowAllEnv,
} from "cenote";

// Allow everything
const driver = createNodeDriver({ permissions: allowAll });

// Allow only filesystem and network
const selective = createNodeDriver({
  permissions: {
    fs: allowAllFs,
    network: allowAllNetwork,
  },
});

export { allowAllChildProcess, allowAllEnv, driver, selective };

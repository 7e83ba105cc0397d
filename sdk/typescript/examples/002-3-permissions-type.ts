// Seed 002, "Permissions type": the document's types; what they describe, ours takes.
import {
  createNodeDriver,
  type ChildProcessAccessRequest,
  type EnvAccessRequest,
  type FsAccessRequest,
  type NetworkAccessRequest,
} from "cenote";

type Permissions = {
  fs?: PermissionCheck<FsAccessRequest>;
  network?: PermissionCheck<NetworkAccessRequest>;
  childProcess?: PermissionCheck<ChildProcessAccessRequest>;
  env?: PermissionCheck<EnvAccessRequest>;
};

// Each field accepts a boolean or async function
type PermissionCheck<T> = boolean | ((request: T) => boolean | Promise<boolean>);

const permissions: Permissions = { fs: async (request) => request.operation === "read", env: true };
const driver = createNodeDriver({ permissions });

export { driver };

/** The presets: usable whole (`fs: allowAllFs`) or spread (`{ ...allowAllFs }`). Known here, they are decided in the machine without asking. */
import type {
  ChildProcessAccessRequest,
  EnvAccessRequest,
  FsAccessRequest,
  NetworkAccessRequest,
  PermissionDecision,
  Permissions,
} from "./requests.js";

/** A function that allows everything of its scope. */
export type AllowAll<T> = (request: T) => PermissionDecision;

const presets = new WeakSet<object>();

function preset<K extends keyof Permissions, T>(scope: K): AllowAll<T> & { readonly [key in K]: AllowAll<T> } {
  const allow: AllowAll<T> = () => ({ allow: true });
  const whole = Object.assign((_request: T): PermissionDecision => ({ allow: true }), { [scope]: allow } as { [key in K]: AllowAll<T> });
  presets.add(allow).add(whole);
  return whole;
}

/** Allows all reads and writes of the machine's files. */
export const allowAllFs = preset<"fs", FsAccessRequest>("fs");
/** Allows all network requests and name lookups. */
export const allowAllNetwork = preset<"network", NetworkAccessRequest>("network");
/** Allows starting any program. */
export const allowAllChildProcess = preset<"childProcess", ChildProcessAccessRequest>("childProcess");
/** Lets every environment variable through. */
export const allowAllEnv = preset<"env", EnvAccessRequest>("env");

/** Allows everything, in every scope. */
export const allowAll = {
  ...allowAllFs,
  ...allowAllNetwork,
  ...allowAllChildProcess,
  ...allowAllEnv,
} as const satisfies Permissions;

/** @internal Whether a check is one of the presets, which need no asking. */
export function isAllowAll(check: unknown): boolean {
  return typeof check === "function" && presets.has(check);
}

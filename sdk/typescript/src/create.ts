/** Making a machine: a sidecar, the request, what does not fit into it, the host channel. */
import { resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";

import { toBytes } from "./bytes.js";
import { CenoteError, OptionError, SidecarError } from "./errors.js";
import { Files } from "./files.js";
import { Decision, Isolation, type CreateVmRequestSchema, type MountSchema, type OsConfigSchema } from "./gen/cenote/v1/vms_pb.js";
import { HostAnswers, isNeeded, type HostParts } from "./host/answers.js";
import { functionsToWire, ownFunctions } from "./host/functions.js";
import { limitsToWire, timingToWire, wholeNumber } from "./limits.js";
import { Machine } from "./machine.js";
import type { Mount, NodeRuntimeCreateOptions, OsOptions, SidecarChoice } from "./options.js";
import { compilePermissions, permittedEnv, type CompiledPermissions } from "./permissions/compile.js";
import type { PermissionRule } from "./permissions/requests.js";
import { Sidecar } from "./sidecar/sidecar.js";

/** Bytes of seeded files that go with the request; what is over is written after it. */
const SEED_LIMIT = 8 << 20;
/** What is kept of one output stream, in bytes, unless `limits.outputBytes` says otherwise. */
const OUTPUT_LIMIT = 16 << 20;

/** What a driver adds to the options of a machine. */
export interface DriverParts {
  denyByDefault: boolean;
  /** Rules that win over those of the embedder. */
  fsRules?: readonly PermissionRule[];
  hostCommands?: readonly string[];
  hostNetwork?: boolean;
  parts: Pick<HostParts, "network" | "commands">;
}

const PLAIN: DriverParts = { denyByDefault: false, parts: { network: undefined, commands: undefined } };

const KNOWN: ReadonlySet<string> = new Set([
  "env",
  "cwd",
  "user",
  "hostname",
  "os",
  "processors",
  "files",
  "mounts",
  "nodeModules",
  "commandsDir",
  "permissions",
  "limits",
  "hostFunctions",
  "hostCommands",
  "loopbackExemptPorts",
  "timing",
  "sidecar",
  "isolation",
  "snapshot",
  "labels",
] as const satisfies readonly (keyof NodeRuntimeCreateOptions)[]);

/** @throws {OptionError} for an option that there is not: one that was meant to refuse something must not be passed over. */
export function checkNames(options: object, known: ReadonlySet<string>, who: string): void {
  for (const name of Object.keys(options)) if (!known.has(name)) throw new OptionError(name, `${who} has no such option`);
}

/** Makes a machine as `NodeRuntime.create` is asked for it. */
export async function createNamed(options: NodeRuntimeCreateOptions): Promise<Machine> {
  checkNames(options, KNOWN, "NodeRuntime.create");
  return createMachine(options);
}

/** Makes a machine. */
export async function createMachine(options: NodeRuntimeCreateOptions, driver: DriverParts = PLAIN): Promise<Machine> {
  const filesystems: HostParts["filesystems"] = new Map();
  const permissions = compilePermissions(options.permissions ?? {}, driver.denyByDefault, driver.fsRules);
  const parts: HostParts = { ...driver.parts, permissions: permissions.answers, functions: ownFunctions(options.hostFunctions ?? {}), filesystems };
  const { hostCommands } = options;
  if (hostCommands !== undefined) {
    if (typeof hostCommands.executor?.spawn !== "function") throw new OptionError("hostCommands.executor", "it has no spawn method");
    parts.commands = hostCommands.executor;
  }
  if (options.snapshot !== undefined && options.isolation === "process") {
    throw new OptionError("isolation", "a machine that starts from a snapshot lives in the process of the machine it was taken of; export the snapshot and import it into a new machine");
  }
  // The embedder answers when its channel is open, which needs the machine.
  const asked = (options.mounts ?? []).flatMap((mount) => ("filesystem" in mount ? [mount.guestPath.replace(/\/+$/, "")] : []));
  const isLate = (path: string): boolean => asked.some((place) => place !== "" && path.startsWith(`${place}/`));
  const { seeded, later } = seeds(options.files ?? {}, isLate);
  if (options.cwd !== undefined && isLate(options.cwd)) later.unshift({ path: options.cwd });
  const keptBack: [string, string][] = [];
  const request: MessageInitShape<typeof CreateVmRequestSchema> = {
    env: await permittedEnv(options.env ?? {}, options.permissions?.env, driver.denyByDefault, (...refused) => keptBack.push(refused)),
    cwd: options.cwd ?? "",
    hostname: options.hostname ?? "",
    files: seeded,
    mounts: (options.mounts ?? []).map((mount, index) => mountToWire(mount, index, filesystems)),
    nodeModules: options.nodeModules === undefined ? "" : resolve(options.nodeModules),
    commandsDir: commandsDir(options.commandsDir),
    permissions: permissions.wire,
    isolation: isolationToWire(options.isolation),
    hostFunctions: functionsToWire(parts.functions),
    // They are exceptions to the guard, not to the permission.
    loopbackExemptPorts: mayUseNetwork(permissions.wire) ? [...(options.loopbackExemptPorts ?? [])] : [],
    snapshot: options.snapshot?.id ?? "",
    hostCommands: hostCommands === undefined ? [...(driver.hostCommands ?? [])] : [...(hostCommands.only ?? ["**"])],
    hostNetwork: driver.hostNetwork ?? false,
    labels: options.labels ?? {},
  };
  if (options.user !== undefined) {
    request.user = { uid: wholeNumber("user.uid", options.user.uid), gid: wholeNumber("user.gid", options.user.gid) };
  }
  if (options.limits !== undefined) request.limits = limitsToWire(options.limits);
  if (options.timing !== undefined) request.timing = timingToWire(options.timing);
  if (options.os !== undefined) request.os = osToWire(options.os);
  if (options.processors !== undefined) request.processors = processorsToWire(options.processors);

  try {
    return told(await make(request, options, parts, later), keptBack);
  } catch (error) {
    // A shared sidecar that has just ended is found out by the first call; there is another one then.
    const shared = options.sidecar === undefined || options.sidecar === "shared";
    if (!shared || !(error instanceof SidecarError) || error.code !== "SIDECAR_GONE") throw error;
    return told(await make(request, options, parts, later), keptBack);
  }
}

/** The machine, which knows what was refused before it was there. */
function told(machine: Machine, keptBack: readonly [string, string][]): Machine {
  for (const [name, reason] of keptBack) machine.refusals.tell(name, reason);
  machine.refusals.made();
  return machine;
}

async function make(
  request: MessageInitShape<typeof CreateVmRequestSchema>,
  options: NodeRuntimeCreateOptions,
  parts: HostParts,
  later: readonly Seed[],
): Promise<Machine> {
  const [sidecar, own] = await chooseSidecar(options.sidecar);
  try {
    const made = sidecar.link.call(undefined, () => sidecar.link.vms.create(request));
    const vm = await made.catch((error: unknown) => {
      throw withMount(error, options.mounts);
    });
    const machine = new Machine(vm.id, sidecar, own, options.limits?.outputBytes ?? OUTPUT_LIMIT);
    try {
      if (isNeeded(parts)) machine.host = await HostAnswers.open(machine, parts);
      const files = new Files(machine);
      for (const { path, content, mode } of later) {
        if (content === undefined) await files.mkdir(path, { recursive: true });
        else await files.write(path, content, { mode, parents: true });
      }
    } catch (error) {
      await machine.dispose().catch(() => undefined);
      throw error;
    }
    return machine;
  } catch (error) {
    if (own) await sidecar.dispose();
    throw error;
  }
}

const OS: ReadonlySet<string> = new Set([
  "platform",
  "arch",
  "type",
  "release",
  "version",
  "machine",
  "homedir",
  "tmpdir",
] as const satisfies readonly (keyof OsOptions)[]);

function osToWire(os: OsOptions): MessageInitShape<typeof OsConfigSchema> {
  for (const [name, value] of Object.entries(os)) {
    if (!OS.has(name)) throw new OptionError(`os.${name}`, "there is no such option");
    if (value !== undefined && (typeof value !== "string" || value === "")) throw new OptionError(`os.${name}`, "give a string that is not empty");
  }
  return Object.fromEntries(Object.entries(os).filter(([, value]) => value !== undefined));
}

function processorsToWire(count: number): number {
  // 0 would mean that none was asked for.
  if (wholeNumber("processors", count) === 0 || count > 1024) throw new OptionError("processors", `${count} is not from 1 to 1024`);
  return count;
}

/** The server does not say which of several mounts it cannot show: the path does. */
function withMount(error: unknown, mounts: readonly Mount[] = []): unknown {
  if (!(error instanceof CenoteError) || error.code !== "HOST_PATH" || error.option !== "mount") return error;
  const index = mounts.findIndex((mount) => {
    const path = "hostPath" in mount ? mount.hostPath : "image" in mount ? mount.image : undefined;
    return typeof path === "string" && error.message.includes(`host path ${resolve(path)}: `);
  });
  const option = index < 0 ? "mounts" : `mounts[${index}]`;
  return new CenoteError(error.code, error.message.replace("option `mount`", `option \`${option}\``), { option, cause: error });
}

async function chooseSidecar(choice: SidecarChoice = "shared"): Promise<[Sidecar, boolean]> {
  if (choice === "shared") return [await Sidecar.shared(), false];
  if (choice instanceof Sidecar) return [choice, false];
  if (choice === "own") return [await Sidecar.start(), true];
  return [await Sidecar.start(choice), true];
}

function isolationToWire(isolation: NodeRuntimeCreateOptions["isolation"]): Isolation {
  if (isolation === undefined) return Isolation.UNSPECIFIED;
  if (isolation === "process") return Isolation.PROCESS;
  if (isolation === "shared") return Isolation.SHARED;
  throw new OptionError("isolation", `${JSON.stringify(isolation)} is neither "process" nor "shared"`);
}

/** Whether some of the network may be reached, or may be asked for. */
function mayUseNetwork({ network }: CompiledPermissions["wire"]): boolean {
  if (network === undefined) return false;
  const open = [network.fallback, ...(network.rules ?? []).map((rule) => rule.decision)];
  return open.includes(Decision.ALLOW) || open.includes(Decision.ASK);
}

/** The commands directory: as given, or as the environment says. The sidecar has further places to look. */
function commandsDir(given: string | undefined): string {
  const named = given ?? process.env["CENOTE_WASM_COMMANDS_DIR"] ?? process.env["SECURE_EXEC_WASM_COMMANDS_DIR"];
  return named ? resolve(named) : "";
}

/** A file to be written when the machine is there; without content a directory. */
interface Seed {
  path: string;
  content?: Uint8Array<ArrayBuffer>;
  mode?: number;
}

/** Seeded files as far as they fit the request, and the others. */
function seeds(
  files: NonNullable<NodeRuntimeCreateOptions["files"]>,
  isLate: (path: string) => boolean,
): {
  seeded: { path: Uint8Array<ArrayBuffer>; content: Uint8Array<ArrayBuffer>; mode: number }[];
  later: Seed[];
} {
  const seeded = [];
  const later: Seed[] = [];
  let size = 0;
  for (const [path, given] of Object.entries(files)) {
    if (!path.startsWith("/")) throw new OptionError("files", `${JSON.stringify(path)} is not an absolute path`);
    const plain = typeof given === "string" || given instanceof Uint8Array;
    const content = toBytes(plain ? given : given.content);
    const mode = plain ? 0 : (given.mode ?? 0);
    if (isLate(path)) {
      later.push({ path, content, mode });
      continue;
    }
    size += content.byteLength + path.length;
    if (size <= SEED_LIMIT) seeded.push({ path: toBytes(path), content, mode });
    else later.push({ path, content, mode });
  }
  return { seeded, later };
}

function mountToWire(mount: Mount, index: number, filesystems: HostParts["filesystems"]): MessageInitShape<typeof MountSchema> {
  const guest = mount.guestPath;
  if (typeof guest !== "string" || !guest.startsWith("/")) throw new OptionError(`mounts[${index}].guestPath`, "give an absolute path in the machine");
  if ("hostPath" in mount) {
    const { hostPath, readOnly = true, sizeLimitBytes = 0 } = mount;
    return { guest, source: { case: "host", value: { path: resolve(hostPath), writable: !readOnly, sizeLimitBytes: BigInt(sizeLimitBytes) } } };
  }
  if ("image" in mount) {
    const source =
      typeof mount.image === "string" ? ({ case: "path", value: resolve(mount.image) } as const) : ({ case: "tar", value: toBytes(mount.image) } as const);
    return { guest, source: { case: "image", value: { source } } };
  }
  if ("filesystem" in mount) {
    const name = `mount-${index}`;
    filesystems.set(name, mount.filesystem);
    return { guest, source: { case: "callback", value: { name, writable: mount.readOnly !== true } } };
  }
  if (!("memoryBytes" in mount)) throw new OptionError(`mounts[${index}]`, "give a hostPath, an image, a filesystem or memoryBytes");
  return { guest, source: { case: "memory", value: { sizeLimitBytes: BigInt(wholeNumber(`mounts[${index}].memoryBytes`, mount.memoryBytes)) } } };
}

/** Limits and timing of a machine, in this package's words. */
import { OptionError } from "./errors.js";
import { optionName } from "./sidecar/failure.js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Timing as WireTiming, type LimitsSchema, type ResourceUsage as WireUsage } from "./gen/cenote/v1/vms_pb.js";

/** Limits of one machine, all on by default. A guest that hits one gets the right errno (or that one process ends); the machine lives on. */
export interface Limits {
  /** Processes, zombies included. Default 256. */
  processes?: number;
  /** Open file descriptions of the machine. Default 8,192. */
  openFiles?: number;
  /** File descriptors of one process. Default 1,024. */
  openFilesPerProcess?: number;
  /** Pipes. Default 512. */
  pipes?: number;
  /** Sockets. Default 512. */
  sockets?: number;
  /** Bytes in the machine's own filesystems. Default 256 MiB. */
  filesystemBytes?: number;
  /** Files and directories there. Default 65,536. */
  inodes?: number;
  /** Bytes of WebAssembly memory of one process. Default 256 MiB. */
  wasmMemoryBytes?: number;
  /** Bytes of WebAssembly memory of all processes together. Default 4 GiB. */
  wasmMemoryTotalBytes?: number;
  /** Bytes of JavaScript heap of one process. Default 128 MiB, at least 16 MiB. */
  jsHeapBytes?: number;
  /** Bytes in array buffers of one process. Default 256 MiB. */
  arrayBuffersBytes?: number;
  /** Bytes kept of one output stream of one call. Default 16 MiB; what is over is dropped and flagged. */
  outputBytes?: number;
  /** Milliseconds of processor time of one process. Default: no limit. */
  cpuTimeMs?: number;
  /** Milliseconds of wall time of one call; a longer `timeout` of the call is cut to it. Default: no limit. */
  wallTimeMs?: number;
  /** Pseudo-terminals, those that programs of the machine open included. Default 64. */
  terminals?: number;
  /** Connections out of the machine, those being made included, and sockets that sent datagrams out of it. Default 128. */
  outwardConnections?: number;
}

/**
 * What guests see of time: `"off"`, the host's clocks as fine as they are; `"coarse"` (the default), whole milliseconds; `"frozen"`, every clock
 * stands at the time at which the machine was made, while sleeps and timers take the time they should.
 */
export type Timing = "off" | "coarse" | "frozen";

/** What a machine uses of one limit. What one call has for itself, its output and its time, has no row: the call's result says what came of it. */
export interface ResourceUsage {
  /**
   * In the unit of its limit. Of what each process has for itself (`openFilesPerProcess`, memory, `cpuTimeMs`), the use of the one that uses most; a
   * JavaScript heap as of its last collection.
   */
  used: number;
  /** The limit. */
  limit: number;
  /** The option that changes it, e.g. `limits.processes`. */
  option: string;
}

/** @internal */
export function usage({ used, limit, option }: WireUsage): ResourceUsage {
  return { used: Number(used), limit: Number(limit), option: optionName(option) };
}

const NAMES = [
  "processes",
  "openFiles",
  "openFilesPerProcess",
  "pipes",
  "sockets",
  "filesystemBytes",
  "inodes",
  "wasmMemoryBytes",
  "wasmMemoryTotalBytes",
  "jsHeapBytes",
  "arrayBuffersBytes",
  "outputBytes",
  "cpuTimeMs",
  "wallTimeMs",
  "terminals",
  "outwardConnections",
] as const satisfies readonly (keyof Limits)[];

/** @internal */
export function limitsToWire(limits: Limits): MessageInitShape<typeof LimitsSchema> {
  const wire: MessageInitShape<typeof LimitsSchema> = {};
  for (const name of Object.keys(limits)) {
    if (!(NAMES as readonly string[]).includes(name)) throw new OptionError(`limits.${name}`, "there is no such limit");
  }
  for (const name of NAMES) {
    const value = limits[name];
    if (value !== undefined) wire[name] = BigInt(wholeNumber(`limits.${name}`, value));
  }
  const { jsHeapBytes } = limits;
  if (jsHeapBytes !== undefined && jsHeapBytes < LEAST_HEAP * 1024 * 1024) {
    throw new OptionError("limits.jsHeapBytes", `${jsHeapBytes} bytes are too few; the least is ${LEAST_HEAP * 1024 * 1024}`);
  }
  return wire;
}

/** @internal */
export function timingToWire(timing: Timing): WireTiming {
  const wire = { off: WireTiming.OFF, coarse: WireTiming.COARSE, frozen: WireTiming.FROZEN }[timing];
  if (wire === undefined) throw new OptionError("timing", `${JSON.stringify(timing)} is none of "off", "coarse" and "frozen"`);
  return wire;
}

/** Megabytes of JavaScript heap with which `node` starts. */
const LEAST_HEAP = 16;

/** @internal Megabytes of JavaScript heap as the limit, or an error that names the option. */
export function heapBytes(option: string, megabytes: number): number {
  if (wholeNumber(option, megabytes) < LEAST_HEAP) throw new OptionError(option, `${megabytes} MB are too few; the least is ${LEAST_HEAP}`);
  return megabytes * 1024 * 1024;
}

/** @internal A whole number from 0 up, or an error that names the option. */
export function wholeNumber(option: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new OptionError(option, `${String(value)} is not a whole number from 0 up`);
  return value;
}


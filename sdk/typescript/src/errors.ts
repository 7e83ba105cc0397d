/**
 * Errors of the package: classes with a `code`, naming the machine, and the limit, permission and option concerned.
 */

/** What an error can say besides its message. */
export interface CenoteErrorDetails {
  /** The machine's id, where one is concerned. */
  vm?: string;
  /** The option that changes it, e.g. `limits.processes`. */
  option?: string;
  /** What caused it. */
  cause?: unknown;
}

/** The common class: every error this package makes is one. */
export class CenoteError extends Error {
  /** What went wrong, as a word a program can compare: `NOT_IMPLEMENTED`, `VM_DISPOSED`, `ENOENT` … */
  readonly code: string;
  /** The machine's id, where one is concerned. */
  readonly vm: string | undefined;
  /** The option that changes it, e.g. `limits.processes`. */
  readonly option: string | undefined;

  constructor(code: string, message: string, details: CenoteErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.vm = details.vm;
    this.option = details.option;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** `NOT_IMPLEMENTED`: the server or this package cannot do it yet; the message says what. */
export class NotImplementedError extends CenoteError {
  constructor(message: string, details?: CenoteErrorDetails) {
    super("NOT_IMPLEMENTED", message, details);
  }
}

/** `INVALID_OPTION`: an option or argument makes no sense; `option` names it. */
export class OptionError extends CenoteError {
  constructor(option: string, message: string, details: CenoteErrorDetails = {}) {
    super("INVALID_OPTION", `${option}: ${message}`, { option, ...details });
  }
}

/**
 * The sidecar process: `SIDECAR_NOT_FOUND` (no binary), `SIDECAR_DAMAGED` (the platform package does not hold the program it names), `SIDECAR_CACHE` (there is no
 * folder of the user's own to unpack that into), `SIDECAR_FAILED` (it did not start), `SIDECAR_GONE` (it ended while it was needed),
 * `SIDECAR_DRAINING`, `SIDECAR_REVISION` (it speaks an older revision of the contract than this package), `WRONG_TOKEN`.
 */
export class SidecarError extends CenoteError {}

/** The machine: `VM_DISPOSED`, `VM_LOST` (the process it lived in died), `NO_SUCH_VM`, `NO_SUCH_PROCESS` … */
export class VmError extends CenoteError {}

/** `LIMIT`: a limit of the machine was hit; `limit` and `option` name it, `vm` the machine. */
export class LimitError extends CenoteError {
  /** The limit, e.g. `processes`. */
  readonly limit: string;
  /** What the machine itself answered, as a guest would see it: `ENOSPC`, `EAGAIN` … */
  readonly errno: string | undefined;

  constructor(limit: string, message: string, details?: CenoteErrorDetails, errno?: string) {
    super("LIMIT", message, details);
    this.limit = limit;
    this.errno = errno;
  }
}

/** `PERMISSION_DENIED`: a permission of the machine refused it; `permission` names the scope, `option` where it is set, `vm` the machine. */
export class PermissionError extends CenoteError {
  /** `fs`, `network`, `child_process`, `env` or `host_function`. */
  readonly permission: string;
  /** What the machine itself answered, as a guest would see it: `EACCES`. */
  readonly errno: string | undefined;

  constructor(permission: string, message: string, details?: CenoteErrorDetails, errno?: string) {
    super("PERMISSION_DENIED", message, details);
    this.permission = permission;
    this.errno = errno;
  }
}

/** A file operation in the machine failed; `code` is the errno's name (`ENOENT`, `EACCES` …), as Node's own errors have it. */
export class FileError extends CenoteError {
  /** The operation: `open`, `rename` … */
  readonly syscall: string;
  /** The path in the machine. */
  readonly path: string;

  constructor(code: string, message: string, syscall: string, path: string, details?: CenoteErrorDetails) {
    super(code, message, details);
    this.syscall = syscall;
    this.path = path;
  }
}

/** `TIMEOUT`: the time given has passed. */
export class TimeoutError extends CenoteError {
  constructor(message: string, details?: CenoteErrorDetails) {
    super("TIMEOUT", message, details);
  }
}

/** `NO_VALUE`: `run` ended without the guest handing over a value. */
export class NoValueError extends CenoteError {
  /** The guest's exit code. */
  readonly exitCode: number;
  /** The end of what it wrote to standard error. */
  readonly stderr: string;

  constructor(message: string, exitCode: number, stderr: string, details?: CenoteErrorDetails) {
    super("NO_VALUE", message, details);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/**
 * What a failed call becomes: the server's `ErrorDetail` as one of the classes of `errors.ts`.
 */
import { Code, ConnectError } from "@connectrpc/connect";

import {
  CenoteError,
  FileError,
  LimitError,
  NoValueError,
  NotImplementedError,
  OptionError,
  PermissionError,
  SidecarError,
  TimeoutError,
  VmError,
  type CenoteErrorDetails,
} from "../errors.js";
import { ErrorDetailSchema, type ErrorDetail } from "../gen/cenote/v1/common_pb.js";

const text = new TextDecoder();

/** The typed error of a failed call. Errors that are not gRPC's pass through. */
export function failure(error: unknown, vm?: string): unknown {
  if (!(error instanceof ConnectError)) return error;
  const [detail] = error.findDetails(ErrorDetailSchema);
  if (detail !== undefined) return fromDetail(detail, error.rawMessage, vm);
  // An error in making the message: it never left this process.
  if (error.cause instanceof TypeError || error.cause instanceof RangeError) return error.cause;
  const about: CenoteErrorDetails = { cause: error };
  if (vm !== undefined) about.vm = vm;
  switch (error.code) {
    case Code.Unimplemented:
      return new NotImplementedError(error.rawMessage || "the server does not know this call", about);
    case Code.Unauthenticated:
      return new SidecarError("WRONG_TOKEN", error.rawMessage, about);
    case Code.DeadlineExceeded:
      return new TimeoutError(error.rawMessage, about);
    case Code.InvalidArgument:
      return new CenoteError("INVALID_ARGUMENT", error.rawMessage, about);
    case Code.NotFound:
      return new VmError("NO_SUCH_VM", error.rawMessage, about);
    case Code.ResourceExhausted:
      return new CenoteError("MESSAGE_TOO_LARGE", error.rawMessage, about);
    default:
      return new SidecarError("SIDECAR_GONE", `the sidecar went away during the call: ${error.rawMessage}`, about);
  }
}

/** The typed error for the server's own account of a failure. */
export function fromDetail(detail: ErrorDetail, message: string, vm?: string): CenoteError {
  const about: CenoteErrorDetails = {};
  const id = detail.vm || vm;
  if (id) about.vm = id;
  if (detail.option) about.option = optionName(detail.option);
  switch (detail.code) {
    case "UNIMPLEMENTED":
      return new NotImplementedError(message, about);
    case "OPTION":
      return new OptionError(optionName(detail.option) || "options", message, about);
    case "HOST_PATH":
      return new CenoteError("HOST_PATH", message, about);
    case "LIMIT":
      return new LimitError(camelCase(detail.limit), detail.option ? message.replaceAll(detail.option, optionName(detail.option)) : message, about, detail.errno || undefined);
    case "PERMISSION":
      return new PermissionError(detail.permission, message, about, detail.errno || undefined);
    case "DISPOSED":
      return new VmError("VM_DISPOSED", message, about);
    case "WORKER_DIED":
      return new VmError("VM_LOST", detail.stderr ? `${message}\n${detail.stderr}` : message, about);
    case "NO_SUCH_VM":
    case "NO_SUCH_PROCESS":
    case "NO_SUCH_TERMINAL":
    case "NO_SUCH_SNAPSHOT":
    case "HOST_GONE":
    case "RUNTIME":
      return new VmError(detail.code, message, about);
    case "NO_VALUE":
      return new NoValueError(message, detail.exitCode ?? 1, detail.stderr, about);
    case "TIMEOUT":
      return new TimeoutError(message, about);
    case "DRAINING":
      return new SidecarError("SIDECAR_DRAINING", message, about);
    case "WRONG_TOKEN":
      return new SidecarError("WRONG_TOKEN", message, about);
    default:
      return /^E[A-Z0-9]+$/.test(detail.code)
        ? new FileError(detail.code, `${detail.code}: ${message}`, detail.operation, text.decode(detail.path), about)
        : new CenoteError(detail.code || "UNKNOWN", message, about);
  }
}

/** `limits.open_files` as this package's options spell it: `limits.openFiles`. */
export function optionName(option: string): string {
  return option.split(".").map(camelCase).join(".");
}

/** `open_files` → `openFiles`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Gives `error` the frames of the caller, kept in `here` when the public function was entered, so that an unhandled error points at the
 * line that called us.
 */
export function withCaller<E>(error: E, here: { stack?: string }): E {
  if (error instanceof CenoteError && here.stack !== undefined) {
    const frames = here.stack.slice(here.stack.indexOf("\n") + 1);
    error.stack = `${error.name}: ${error.message}\n${frames}`;
  }
  return error;
}

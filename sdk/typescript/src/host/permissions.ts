/** Permission questions: from the wire to the embedder's functions. */
import { toText } from "../bytes.js";
import type { PermissionQuestion } from "../gen/cenote/v1/host_pb.js";
import { decided, type PermissionAnswers } from "../permissions/compile.js";
import type {
  ChildProcessAccessRequest,
  EnvAccessRequest,
  FsAccessRequest,
  HostFunctionAccessRequest,
  NetworkAccessRequest,
  PermissionFunction,
} from "../permissions/requests.js";

/** The embedder's decision; a function that throws denies, with its message as the reason. */
export async function answerPermission(answers: PermissionAnswers, question: PermissionQuestion): Promise<{ allow: boolean; reason: string }> {
  const ask = asked(answers, question);
  if (ask === undefined) return { allow: false, reason: "the embedder has no rule for this" };
  try {
    const { allow, reason = "" } = decided(await ask());
    return { allow, reason: String(reason) };
  } catch (error) {
    return { allow: false, reason: `the permission function threw: ${error instanceof Error ? error.message : typeof error}` };
  }
}

/** What changes nothing. */
const LOOKS: ReadonlySet<string> = new Set(["read", "stat", "readdir", "readlink"]);

function asked(answers: PermissionAnswers, question: PermissionQuestion): (() => ReturnType<PermissionFunction<unknown>>) | undefined {
  const common = { op: question.operation, operation: question.operation, pid: question.pid };
  const { scope } = question;
  const bind = <T>(check: PermissionFunction<never> | undefined, request: T): (() => ReturnType<PermissionFunction<T>>) | undefined =>
    check === undefined ? undefined : () => (check as PermissionFunction<T>)(request);
  switch (scope.case) {
    case "fs": {
      // The one generation of documents tells the operation, the other the kind of it.
      const operation = LOOKS.has(question.operation) ? "read" : "write";
      const request: FsAccessRequest = { ...common, operation, path: toText(scope.value.path) };
      if (scope.value.destination.byteLength > 0) request.destination = toText(scope.value.destination);
      return bind(answers.fs, request);
    }
    case "network": {
      const { hostname, address, port, url, method } = scope.value;
      const request: NetworkAccessRequest = { ...common, hostname: hostname || address };
      if (address) request.address = address;
      if (port) request.port = port;
      if (url) request.url = url;
      if (method) request.method = method;
      return bind(answers.network, request);
    }
    case "childProcess": {
      const { command, path, args, cwd, env } = scope.value;
      const request: ChildProcessAccessRequest = { ...common, command, args: args.map(toText), env };
      if (path.byteLength > 0) request.path = toText(path);
      if (cwd) request.cwd = cwd;
      return bind(answers.childProcess, request);
    }
    case "hostFunction": {
      const request: HostFunctionAccessRequest = { ...common, collection: scope.value.collection, function: scope.value.function };
      return bind(answers.hostFunction, request);
    }
    case "env": {
      const { name, value } = scope.value;
      const request: EnvAccessRequest = { op: question.operation, operation: question.operation, key: name, name, value };
      return bind(answers.env, request);
    }
    default:
      return undefined;
  }
}

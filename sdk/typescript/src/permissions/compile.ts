/**
 * Permissions on the wire: what is data becomes rules, what is a function becomes a question that the host channel answers.
 *
 * Environment variables are different: all of them come from the embedder, so functions decide here which are handed over; rules go with them.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { OptionError } from "../errors.js";
import { Decision, type PermissionRuleSchema, type PermissionsSchema } from "../gen/cenote/v1/vms_pb.js";
import { isAllowAll } from "./allow-all.js";
import type { EnvAccessRequest, PermissionCheck, PermissionDecision, PermissionFunction, PermissionRule, PermissionRules, Permissions } from "./requests.js";

type WireRule = MessageInitShape<typeof PermissionRuleSchema>;

/** The functions that questions of a machine go to. */
export interface PermissionAnswers {
  fs?: PermissionFunction<never>;
  network?: PermissionFunction<never>;
  childProcess?: PermissionFunction<never>;
  env?: PermissionFunction<never>;
  hostFunction?: PermissionFunction<never>;
}

const SCOPES = ["fs", "network", "childProcess", "env", "hostFunction"] as const;

/** Permissions compiled: for the wire, and for the host channel. */
export interface CompiledPermissions {
  wire: MessageInitShape<typeof PermissionsSchema>;
  answers: PermissionAnswers;
}

/**
 * Compiles permissions; a scope that is not set is denied with `denyByDefault`, and has the server's default otherwise. `fsRules` come after
 * the rules of `fs`, and so win over them.
 */
export function compilePermissions(
  permissions: Permissions,
  denyByDefault: boolean,
  fsRules: readonly PermissionRule[] = [],
): CompiledPermissions {
  for (const scope of Object.keys(permissions)) {
    if (!(SCOPES as readonly string[]).includes(scope)) throw new OptionError(`permissions.${scope}`, "there is no such scope");
  }
  const compiled: CompiledPermissions = { wire: {}, answers: {} };
  for (const scope of SCOPES) {
    const check = permissions[scope] as PermissionCheck<never> | undefined;
    const added = scope === "fs" ? rulesToWire(scope, fsRules) : [];
    if (typeof check === "object") {
      const data = rules(scope, check, denyByDefault);
      const asks = data.rules.some(({ decision }) => decision === Decision.ASK);
      if (asks && typeof check.ask !== "function") throw new OptionError(`permissions.${scope}.ask`, "give a function: a rule asks");
      if (asks) compiled.answers[scope] = check.ask as PermissionFunction<never>;
      compiled.wire[scope] = { fallback: data.fallback, rules: [...data.rules, ...added] };
    } else if (scope === "env") {
      // What a machine has of its own is no secret; what the embedder gives is kept back here.
      if (check !== undefined && typeof check !== "function") decideAtOnce(scope, check);
    } else if (check === undefined) {
      if (denyByDefault && scope !== "hostFunction") compiled.wire[scope] = { fallback: Decision.DENY, rules: added };
    } else if (typeof check === "function" && !isAllowAll(check)) {
      compiled.answers[scope] = check;
      compiled.wire[scope] = { fallback: Decision.ASK, rules: added };
    } else {
      const allowed = decideAtOnce(scope, check);
      compiled.wire[scope] = { fallback: allowed ? Decision.ALLOW : Decision.DENY, rules: added };
    }
  }
  return compiled;
}

function decideAtOnce(scope: string, check: unknown): boolean {
  if (check === true || check === "allow" || isAllowAll(check)) return true;
  if (check === false || check === "deny") return false;
  throw new OptionError(`permissions.${scope}`, "give true, false, a function or { default, rules }");
}

function rules(scope: string, data: PermissionRules<never>, denyByDefault: boolean): { fallback: Decision; rules: WireRule[] } {
  const otherwise = data.default ?? (denyByDefault ? "deny" : undefined);
  return {
    fallback: otherwise === undefined ? Decision.UNSPECIFIED : decision(`permissions.${scope}.default`, otherwise),
    rules: rulesToWire(scope, data.rules ?? []),
  };
}

function rulesToWire(scope: string, rules: readonly PermissionRule<string>[]): WireRule[] {
  return rules.map((rule, index) => ({
    decision: rule.mode === "ask" ? Decision.ASK : decision(`permissions.${scope}.rules[${index}].mode`, rule.mode),
    operations: [...(rule.operations ?? [])],
    patterns: [...(rule.paths ?? []), ...(rule.patterns ?? [])],
    reason: rule.reason ?? "",
  }));
}

function decision(option: string, mode: unknown): Decision {
  if (mode === "allow") return Decision.ALLOW;
  if (mode === "deny") return Decision.DENY;
  throw new OptionError(option, `${JSON.stringify(mode)} is none of "allow", "deny" and, in rules, "ask"`);
}

/** Hears of variables that are kept back. */
export type OnRefused = (name: string, reason: string) => void;

/** The variables that may reach a guest. */
export async function permittedEnv(
  env: Record<string, string>,
  check: PermissionCheck<EnvAccessRequest> | undefined,
  denyByDefault: boolean,
  refused: OnRefused = () => undefined,
): Promise<Record<string, string>> {
  const none = (reason: string): Record<string, string> => {
    for (const name of Object.keys(env)) refused(name, reason);
    return {};
  };
  if (check === undefined) return denyByDefault ? none("permissions.env is not set") : env;
  if (isAllowAll(check)) return env;
  if (typeof check === "function") {
    const permitted: Record<string, string> = {};
    for (const [name, value] of Object.entries(env)) {
      try {
        const { allow, reason } = decided(await check({ op: "read", operation: "read", key: name, name, value }));
        if (allow) permitted[name] = value;
        else refused(name, reason ?? "the permission function says no");
      } catch (error) {
        // As in the other scopes: a function that throws denies.
        refused(name, `the permission function threw: ${error instanceof Error ? error.message : typeof error}`);
      }
    }
    return permitted;
  }
  // Rules as data are for the server.
  if (typeof check === "object") return env;
  return decideAtOnce("env", check) ? env : none("permissions.env refuses it");
}

/** An answer in its long form; only `true` and `{ allow: true }` allow. */
export function decided(answer: boolean | PermissionDecision): PermissionDecision {
  if (typeof answer === "object" && answer !== null) {
    const decision: PermissionDecision = { allow: answer.allow === true };
    if (answer.reason !== undefined) decision.reason = answer.reason;
    return decision;
  }
  return { allow: answer === true };
}

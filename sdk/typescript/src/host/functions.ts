/**
 * Host functions: functions of the embedder that guests call, as a frozen async global of a collection's name in JavaScript and as the
 * command `cenote-<collection>` in the shell.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { CenoteError, OptionError } from "../errors.js";
import type { HostFunctionsSchema } from "../gen/cenote/v1/vms_pb.js";
import { wholeNumber } from "../limits.js";

/** A JSON Schema. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** A schema of a library that follows Standard Schema (Zod, Valibot, ArkType …). */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a Standard Schema's `validate` answers. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

/** What `execute` gets: the schema's output where the schema has types, anything otherwise (a JSON Schema says nothing to the compiler). */
export type HostFunctionInput<Schema> = Schema extends {
  readonly "~standard": { readonly types?: { readonly output: infer Output } | undefined };
}
  ? Output
  : any;

/** One function. */
export interface HostFunction<Schema extends JsonSchema | StandardSchema = JsonSchema | StandardSchema, Output = unknown> {
  /** What it does, for `--help`. Default: the schema's description. */
  description?: string;
  /** JSON Schema, or a schema of Zod (4 or later) or another Standard Schema library. Default: anything goes. */
  inputSchema?: Schema;
  /** Does it. What it returns reaches the guest as JSON; what it throws by name and message. */
  execute(input: HostFunctionInput<Schema>): Output | Promise<Output>;
  /** Milliseconds it has to answer. Default 30,000. */
  timeout?: number;
  /** Examples of arguments, for `--help`. */
  examples?: readonly unknown[];
}

/** Functions by collection and name. */
export type HostFunctionCollections = Record<string, Record<string, HostFunction>>;

/** A function whose `execute` has the type of its schema's output: gives back what it gets. */
export function hostFunction<Schema extends JsonSchema | StandardSchema, Output>(definition: HostFunction<Schema, Output>): HostFunction<Schema, Output> {
  return definition;
}

/** @internal The machine's own lists of functions: what is registered later is not the embedder's object's business, nor another machine's. */
export function ownFunctions(collections: HostFunctionCollections): HostFunctionCollections {
  return Object.fromEntries(Object.entries(collections).map(([name, functions]) => [name, { ...functions }]));
}

/** @internal Collections as the server registers them. */
export function functionsToWire(collections: HostFunctionCollections): MessageInitShape<typeof HostFunctionsSchema>[] {
  return Object.entries(collections).map(([name, functions]) => ({
    name: checkedName(name, `hostFunctions.${name}`),
    functions: Object.entries(functions).map(([key, definition]) => {
      const option = `hostFunctions.${name}.${key}`;
      if (typeof definition.execute !== "function") throw new OptionError(option, "execute is not a function");
      const schema = definition.inputSchema === undefined ? undefined : jsonSchema(option, definition.inputSchema);
      return {
        name: checkedName(key, option),
        description: definition.description ?? (typeof schema?.["description"] === "string" ? schema["description"] : ""),
        inputSchema: schema === undefined ? "" : JSON.stringify(schema),
        timeoutMs: BigInt(wholeNumber(`${option}.timeout`, definition.timeout ?? 0)),
        examples: (definition.examples ?? []).map((example) => JSON.stringify(example)),
      };
    }),
  }));
}

function checkedName(name: string, option: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name)) return name;
  throw new OptionError(option, "a name has at most 64 letters, digits and _, and does not begin with a digit");
}

/**
 * The JSON Schema of a schema; undefined when its library makes none.
 *
 * @throws {OptionError} when it has no JSON Schema, as that of a `Date` has not.
 */
function jsonSchema(option: string, schema: JsonSchema | StandardSchema): JsonSchema | undefined {
  if (!isStandard(schema)) return schema;
  const maker = schema as { toJSONSchema?: (options?: unknown) => JsonSchema };
  const standard = schema["~standard"] as { jsonSchema?: { input?: (options: { target: string }) => JsonSchema } };
  try {
    if (standard.jsonSchema?.input !== undefined) return standard.jsonSchema.input({ target: "draft-2020-12" });
    return maker.toJSONSchema?.({ io: "input" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OptionError(`${option}.inputSchema`, `it cannot be said as a JSON Schema, which is what guests are told: ${why}`, { cause });
  }
}

function isStandard(schema: JsonSchema | StandardSchema): schema is StandardSchema {
  return "~standard" in schema;
}

/** @internal Calls a function with the guest's argument; the result is JSON text, empty for undefined. */
export async function callFunction(collections: HostFunctionCollections, collection: string, name: string, json: string): Promise<string> {
  const functions = Object.hasOwn(collections, collection) ? collections[collection] : undefined;
  const definition = functions !== undefined && Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (definition === undefined) throw new CenoteError("NO_SUCH_FUNCTION", `there is no host function ${collection}.${name}`);
  let input: unknown = json === "" ? undefined : JSON.parse(json);
  if (definition.inputSchema !== undefined && isStandard(definition.inputSchema)) {
    const checked = await definition.inputSchema["~standard"].validate(input);
    if (checked.issues !== undefined) {
      const issues = checked.issues.map((issue) => `${(issue.path ?? []).map(String).join(".") || "input"}: ${issue.message}`);
      throw new TypeError(`${collection}.${name}: ${issues.join("; ")}`);
    }
    input = checked.value;
  }
  return JSON.stringify(await definition.execute(input)) ?? "";
}

'use strict';
// Functions of the embedder, for guest JavaScript and for the shell. Loaded before the program of every `node` process.

const { readFileSync } = require('node:fs');

const SOCKET = '\0cenote/host-functions';
const collections = JSON.parse(readFileSync(`${__dirname}/host-functions.json`, 'utf8'));

/** The error the host answered, with the stack of the call. */
function failure({ name, message }, at) {
  const known = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError }[name];
  const error = known ? new known(message) : new Error(message);
  if (!known) {
    Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  }
  const frames = String(at.stack).split('\n').slice(1);
  error.stack = [`${name}: ${message}`, ...frames].join('\n');
  return error;
}

/** Asks the host. One connection a call: closing it cancels. */
function ask(collection, name, argument, at) {
  return new Promise((resolve, reject) => {
    const request = JSON.stringify({ collection, function: name, argument });
    const socket = require('node:net').connect(SOCKET);
    const chunks = [];
    socket.on('connect', () => socket.write(`${request}\n`));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error) => reject(failure({ name: 'Error', message: `the host does not answer: ${error.message}` }, at)));
    socket.on('end', () => {
      let answer;
      try {
        answer = JSON.parse(Buffer.concat(chunks).toString());
      } catch {
        answer = { error: { name: 'Error', message: 'the host does not answer' } };
      }
      if (answer.error) reject(failure(answer.error, at));
      else resolve(answer.value);
    });
  });
}

function asGlobal(collection) {
  const functions = {};
  for (const { name } of collection.functions) {
    const { [name]: callable } = {
      async [name](argument = {}) {
        const at = {};
        Error.captureStackTrace(at, callable);
        return ask(collection.name, name, argument, at);
      },
    };
    functions[name] = Object.freeze(callable);
  }
  return Object.freeze(functions);
}

for (const collection of collections) {
  Object.defineProperty(globalThis, collection.name, { value: asGlobal(collection), enumerable: true });
}

/** A word of the command line as a value of the type that the schema wants. */
function convert(text, schema) {
  const types = [schema?.type].flat();
  if (types.includes('string')) return text;
  if ((types.includes('number') || types.includes('integer')) && text.trim() !== '' && !Number.isNaN(Number(text))) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

class UsageError extends Error {}

/** `--flag value`, `--flag=value`, `--no-flag`, `--json TEXT` (`-`: standard input) as the argument of a function. */
function parse(words, schema) {
  const properties = schema.properties ?? {};
  const named = (flag) => Object.keys(properties).find((name) => name === flag || name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`).replaceAll('_', '-') === flag);
  let argument = {};
  const rest = [...words];
  while (rest.length > 0) {
    const word = rest.shift();
    if (!word.startsWith('--')) throw new UsageError(`what is \`${word}\`? Arguments are given as --name value`);
    const [, flag, inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word);
    if (flag === 'json') {
      const text = inline ?? rest.shift();
      if (text === undefined) throw new UsageError('--json needs a value');
      let value;
      try {
        value = JSON.parse(text === '-' ? readFileSync(0, 'utf8') : text);
      } catch (error) {
        throw new UsageError(`--json: ${error.message}`);
      }
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        Object.assign(argument, value);
        continue;
      }
      // Anything else is the whole argument.
      if (words.length > (inline === undefined ? 2 : 1)) throw new UsageError('--json: what is no object has no names, so nothing can stand beside it');
      return value;
    }
    const negated = flag.startsWith('no-') && named(flag.slice(3));
    if (negated && inline === undefined) {
      argument[negated] = false;
      continue;
    }
    const name = named(flag) ?? (schema.additionalProperties === false || Object.keys(properties).length > 0 ? undefined : flag);
    if (name === undefined) throw new UsageError(`unknown option --${flag}`);
    const wanted = properties[name];
    if (wanted?.type === 'boolean' && inline === undefined) {
      argument[name] = true;
      continue;
    }
    const text = inline ?? rest.shift();
    if (text === undefined) throw new UsageError(`--${flag} needs a value`);
    if (wanted?.type === 'array') (argument[name] ??= []).push(convert(text, wanted.items));
    else argument[name] = convert(text, wanted);
  }
  return argument;
}

function usage(command, collection) {
  const lines = [`Usage: ${command} FUNCTION [--NAME VALUE]... [--json TEXT]`];
  if (collection.description) lines.push('', collection.description);
  const width = Math.max(...collection.functions.map(({ name }) => name.length));
  lines.push('', 'Functions:', ...collection.functions.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`.trimEnd()));
  lines.push('', `${command} FUNCTION --help tells what a function takes.`);
  return lines.join('\n');
}

/** What is to be known of one option, behind its name. */
function facts(schema, isRequired) {
  const said = [];
  if (schema.description) said.push(schema.description);
  const one = schema.enum ?? (schema.items && schema.items.enum);
  if (Array.isArray(one)) said.push(`(one of ${one.map((value) => JSON.stringify(value)).join(', ')})`);
  if (schema.default !== undefined) said.push(`(default ${JSON.stringify(schema.default)})`);
  if (isRequired) said.push('(required)');
  return said.join(' ');
}

function functionUsage(command, { name, description, parameters }) {
  const lines = [`Usage: ${command} ${name} [--NAME VALUE]... [--json TEXT]`];
  if (description) lines.push('', description);
  const entries = Object.entries(parameters.properties ?? {});
  if (entries.length > 0) {
    const required = new Set(parameters.required);
    const left = entries.map(([key, schema]) => `  --${key} ${schema.type === 'boolean' ? '' : [schema.type ?? 'value'].flat().join('|').toUpperCase()}`.trimEnd());
    const width = Math.max(...left.map((text) => text.length));
    lines.push('', 'Options:', ...entries.map(([key, schema], i) => `${left[i].padEnd(width)}  ${facts(schema, required.has(key))}`.trimEnd()));
  }
  return lines.join('\n');
}

/** `cenote-<collection> FUNCTION …`: 0 and the answer, 1 and the error, 2 for wrong usage. */
async function command(name, words) {
  const called = `cenote-${name}`;
  const collection = collections.find((one) => one.name === name);
  const [first, ...rest] = words;
  if (!collection || first === undefined || first === '--help' || first === '-h') {
    if (collection && first !== undefined) {
      console.log(usage(called, collection));
      return 0;
    }
    console.error(collection ? usage(called, collection) : `${called}: the host has no functions of this name`);
    return 2;
  }
  const found = collection.functions.find((one) => one.name === first);
  if (!found) {
    console.error(`${called}: there is no function \`${first}\`; ${called} --help lists them`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(functionUsage(called, found));
    return 0;
  }
  try {
    const value = await ask(name, first, parse(rest, found.parameters), new Error('asked'));
    if (value !== null) console.log(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
    return 0;
  } catch (error) {
    console.error(`${called} ${first}: ${error instanceof UsageError ? '' : `${error.name}: `}${error.message}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

module.exports = { command };

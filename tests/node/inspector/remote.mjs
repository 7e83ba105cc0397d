// A child with --inspect-brk is debugged over a WebSocket: the pages, a breakpoint, values of a frame, the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const directory = mkdtempSync(join(tmpdir(), 'remote-'));
const script = join(directory, 'program.js');
const code = 'const add = (a, b) => {\n  const sum = a + b;\n  return sum;\n};\nconsole.log("sum", add(1, 2));';
writeFileSync(script, code);
const child = spawn(process.execPath, ['--inspect-brk=0', script]);
let stdout = '';
child.stdout.on('data', (data) => {
  stdout += data;
});
let stderr = '';
child.stderr.on('data', (data) => {
  stderr += data;
});
while (!stderr.includes('For help')) await once(child.stderr, 'data');
const [, url] = /listening on (ws:\S+)/.exec(stderr);
const { host, pathname } = new URL(url);
console.log(/^127\.0\.0\.1:\d+$/.test(host), /^\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(pathname));

const list = await (await fetch(`http://${host}/json/list`)).json();
console.log(list.length, Object.keys(list[0]), list[0].webSocketDebuggerUrl === url, list[0].url.endsWith('/program.js'));
const version = await fetch(`http://${host}/json/version`);
console.log(version.status, version.headers.get('content-type'), Object.keys(await version.json()));
const nothing = await fetch(`http://${host}/nothing`);
console.log(nothing.status, await nothing.text());

const socket = new WebSocket(url);
await once(socket, 'open');
let next = 1;
const answers = new Map();
const events = [];
const waiting = new Map();
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.id) return answers.get(message.id)(message.result ?? message.error);
  const waiter = waiting.get(message.method);
  if (waiter) {
    waiting.delete(message.method);
    waiter(message.params);
  } else {
    events.push(message);
  }
};
const ask = (method, params = {}) =>
  new Promise((resolve) => {
    answers.set(next, resolve);
    socket.send(JSON.stringify({ id: next++, method, params }));
  });
const event = async (method) => {
  const index = events.findIndex((known) => known.method === method);
  if (index >= 0) return events.splice(index, 1)[0].params;
  return new Promise((resolve) => waiting.set(method, resolve));
};

console.log(await ask('Nothing.atAll'));
await ask('NodeRuntime.enable');
await event('NodeRuntime.waitingForDebugger');
await ask('Runtime.enable');
const { context } = await event('Runtime.executionContextCreated');
console.log(context.auxData, /\[\d+\]$/.test(context.name));
await ask('Debugger.enable');
await ask('Debugger.setBreakpointByUrl', { lineNumber: 2, url: pathToFileURL(script).href });
await ask('Runtime.runIfWaitingForDebugger');
const first = await event('Debugger.paused');
console.log(first.reason, first.callFrames[0].location.lineNumber);
await ask('Debugger.resume');
const second = await event('Debugger.paused');
const [frame] = second.callFrames;
console.log(frame.functionName, frame.location.lineNumber, second.hitBreakpoints.length);
const { result } = await ask('Debugger.evaluateOnCallFrame', { callFrameId: frame.callFrameId, expression: '[a, b, sum]', returnByValue: true });
console.log(result.value);
await ask('Debugger.setVariableValue', { scopeNumber: 0, variableName: 'sum', newValue: { value: 42 }, callFrameId: frame.callFrameId });
await ask('Debugger.resume');
const called = await event('Runtime.consoleAPICalled');
console.log(called.type, called.args.map((arg) => arg.value));
while (!stderr.includes('Waiting')) await once(child.stderr, 'data');
socket.close();
rmSync(directory, { recursive: true });
const [code_, signal] = await once(child, 'close');
console.log(code_, signal, stdout);
// Whether Node says that it ends listening depends on which of its threads is quicker.
const passing = /^(For help|Debugger ending)/;
console.log(stderr.replaceAll(url, 'URL').trim().split('\n').filter((line) => !passing.test(line)));

// node:wasi: the calls themselves, over a memory that this program fills in: no module is needed to see what they do.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { WASI } from 'node:wasi';

const t = (f) => {
  try {
    console.log(f());
  } catch (error) {
    console.log(error.name, error.code, error.message);
  }
};
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'wasi-'));
fs.mkdirSync(path.join(directory, 'below'));
fs.writeFileSync(path.join(directory, 'below', 'file'), 'contents');
fs.symlinkSync('below/file', path.join(directory, 'link'));

const wasi = new WASI({ version: 'preview1', args: ['program', 'argument'], env: { NAME: 'value' }, preopens: { '/given': directory } });
const calls = wasi.wasiImport;
console.log(Object.keys(calls).length);
t(() => calls.sched_yield());
t(() => wasi.start({ exports: { memory: {}, _start() {} } }));
const memory = new WebAssembly.Memory({ initial: 1 });
new WASI({ version: 'preview1' });
const started = new WASI({ version: 'preview1', args: ['program', 'argument'], env: { NAME: 'value' }, preopens: { '/given': directory } });
started.start({ exports: { memory, _start() {} } });
const wasm = started.wasiImport;
const view = new DataView(memory.buffer);
const bytes = new Uint8Array(memory.buffer);
const u32 = (at) => view.getUint32(at, true);
const text = (at, length) => Buffer.from(bytes.subarray(at, at + length)).toString();
const put = (string, at = 1000) => bytes.set(Buffer.from(string), at) ?? Buffer.byteLength(string);

t(() => [wasm.args_sizes_get(0, 4), u32(0), u32(4)]);
t(() => [wasm.args_get(0, 100), u32(0), u32(4), text(100, 17)]);
t(() => [wasm.environ_sizes_get(0, 4), u32(0), u32(4)]);
t(() => [wasm.args_get(65534, 0), wasm.args_get('x', 0), wasm.args_get()]);
t(() => [wasm.fd_prestat_get(3, 0), u32(0), u32(4), wasm.fd_prestat_dir_name(3, 200, 6), text(200, 6)]);
t(() => [wasm.fd_prestat_get(4, 0), wasm.fd_close(77)]);

// Opening, reading, writing, positions.
const ALL = (1n << 21n) | (1n << 5n) | (1n << 2n);
const READ = 2n | ALL;
const WRITE = 64n | ALL;
t(() => [wasm.path_open(3, 1, 1000, put('link'), 0, READ, 0n, 0, 300), u32(300)]);
view.setUint32(400, 500, true);
view.setUint32(404, 3, true);
view.setUint32(408, 600, true);
view.setUint32(412, 20, true);
t(() => [wasm.fd_read(4, 400, 2, 300), u32(300), text(500, 3), text(600, 5)]);
t(() => [wasm.fd_seek(4, 2n, 0, 304), view.getBigUint64(304, true), wasm.fd_tell(4, 304), view.getBigUint64(304, true)]);
t(() => [wasm.fd_pread(4, 400, 1, 5n, 300), u32(300), text(500, 3)]);
t(() => [wasm.fd_filestat_get(4, 700), view.getUint8(716), view.getBigUint64(732, true)]);
t(() => [wasm.fd_close(4), wasm.fd_close(4)]);
t(() => [wasm.path_open(3, 0, 1000, put('new'), 1, WRITE, 0n, 0, 300), u32(300)]);
t(() => [put('hello', 500), view.setUint32(404, 5, true), wasm.fd_write(4, 400, 1, 300), u32(300), wasm.fd_close(4)]);
console.log(fs.readFileSync(path.join(directory, 'new'), 'utf8'));

// Paths stay below what was given.
for (const name of ['..', '../x', '/etc/passwd', 'below/../../x', 'below/./../new', 'missing']) {
  t(() => [name, wasm.path_filestat_get(3, 1, 1000, put(name), 700)]);
}
t(() => [wasm.path_create_directory(3, 1000, put('made')), wasm.path_rename(3, 1000, 4, 3, 1100, put('moved', 1100))]);
t(() => [wasm.path_readlink(3, 1000, put('link'), 800, 5, 300), u32(300), text(800, 5)]);
t(() => [wasm.path_unlink_file(3, 1000, put('new')), wasm.path_remove_directory(3, 1000, put('moved'))]);
console.log(fs.readdirSync(directory));

t(() => [wasm.random_get(900, 32), wasm.clock_time_get(1, 0n, 900), wasm.clock_time_get(9, 0n, 900)]);
t(() => [wasm.poll_oneoff(0, 0, 0, 0), wasm.fd_advise(3, 0n, 0n, 9)]);
try {
  new WASI({ version: 'preview1', preopens: { '/x': path.join(directory, 'missing') } });
} catch (error) {
  console.log(error.code, error.syscall, error.message);
}

// A module that ends itself.
let ended;
const ending = new WASI({ version: 'preview1' });
ended = ending.start({ exports: { memory, _start() { ending.wasiImport.proc_exit(7); } } });
console.log(ended);
fs.rmSync(directory, { recursive: true });

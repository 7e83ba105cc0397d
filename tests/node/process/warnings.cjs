// process.emitWarning writes to standard error and emits events.
const { spawnSync } = require('child_process');
const run = (code, ...f) => {
  const r = spawnSync(process.execPath, [...f, '-e', code], { encoding: 'utf8' });
  console.log(r.status, JSON.stringify(r.stdout), r.stderr.replace(/\(node:\d+\)/g, '(node:PID)').replace(/\n\s+at .*/g, ''));
};
run('process.emitWarning("careful")');
run('process.emitWarning("old","DeprecationWarning","DEP9")');
run('process.emitWarning("w",{type:"T",code:"C",detail:"more"})');
run('process.on("warning",w=>console.log(w.name,w.message));process.emitWarning("ev")', '--no-warnings');
run('process.emitWarning("d","DeprecationWarning")', '--throw-deprecation');
run('process.emitWarning("d","DeprecationWarning")', '--no-deprecation');
run('process.emitWarning(new Error("an error"))');
run('const u=require("util");const f=u.deprecate(()=>1,"gone","DEPX");f();f()');
run('new (require("events"))().setMaxListeners(1).on("x",()=>{}).on("x",()=>{})');
run('process.emitWarning(5)');

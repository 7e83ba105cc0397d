// V8's flags that are set while the program runs, as far as they can be one program's; what completes names of options.
const v8 = require('v8');
const vm = require('vm');
const { spawnSync } = require('child_process');
v8.setFlagsFromString('--expose-gc');
console.log(typeof gc, vm.runInNewContext('typeof gc'), vm.runInNewContext('gc')());
v8.setFlagsFromString('--allow-natives-syntax');
console.log(eval('(function () { function f() { return 1 } %PrepareFunctionForOptimization(f); f(); %OptimizeFunctionOnNextCall(f); return f() })()'));
const { stdout, status } = spawnSync(process.execPath, ['--completion-bash'], { encoding: 'utf8' });
console.log(status, stdout);
for (const NODE_OPTIONS of ['--trace-gc', '--max-semi-space-size=4', '--harmony']) {
  const { status, stdout } = spawnSync(process.execPath, ['-p', '1'], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS } });
  console.log(NODE_OPTIONS, status, stdout);
}

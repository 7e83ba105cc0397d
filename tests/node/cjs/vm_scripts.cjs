// vm runs code in this and in other contexts.
const vm = require('vm');
console.log(
  vm.runInThisContext('1 + 1'),
  vm.runInNewContext('x * 2; y = x + 1', { x: 20 }),
  (() => {
    const c = vm.createContext({ a: 1 });
    vm.runInContext('b = a + 1; var d = typeof require; this.e = [] instanceof Array', c);
    return [c.b, c.d, c.e, vm.isContext(c)];
  })(),
);
try {
  vm.runInThisContext('throw new Error("in vm")', 'file.vm');
} catch (e) {
  console.log(e.message, e.stack.split('\n')[0], e.stack.includes('file.vm:1'));
}
try {
  new vm.Script('bad syntax here', { filename: 'bad.vm' });
} catch (e) {
  console.log(e.name, e.stack.split('\n')[0]);
}
try {
  vm.runInNewContext('for(;;);', {}, { timeout: 20 });
} catch (e) {
  console.log(e.code, e.message);
}
console.log(
  vm.compileFunction('return a + b', ['a', 'b'])(1, 2),
  vm.runInNewContext('[1] instanceof Array && Array') === Array,
  new vm.Script('z = 5').runInNewContext({}),
  vm.runInNewContext('globalThis.k = 1; Object.keys(globalThis)'),
);

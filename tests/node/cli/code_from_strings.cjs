// flags: --disallow-code-generation-from-strings --expose-gc
// Strings are not compiled in the main context and in workers; contexts of `vm` have their own rule. `gc` is in all contexts.
const vm = require('vm');
const { Worker } = require('worker_threads');
for (const work of [() => eval('1+1'), () => new Function('return 1')(), () => eval(1)]) {
  try { console.log(work()) } catch (error) { console.log(error.name, error.message) }
}
console.log(vm.runInThisContext('1 + 1'), vm.runInNewContext('eval("1+1")'), vm.runInNewContext('typeof gc'), typeof gc);
new Worker("try { console.log(eval('1+1')) } catch (error) { console.log(error.name, error.message) }", { eval: true })
  .on('exit', (code) => console.log('exit', code));

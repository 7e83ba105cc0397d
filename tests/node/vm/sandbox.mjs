// A context's global shows the sandbox: reads, writes, definitions, deletions and names go to it.
import vm from 'node:vm';

const sandbox = { given: 1, add(n) { return this.given + n; }, get computed() { return 'read'; } };
vm.createContext(sandbox);
const run = (code) => vm.runInContext(code, sandbox);

run('var declared = given + 1; assigned = add(2); this.own = 3; function named() { return declared; }');
console.log(sandbox.declared, sandbox.assigned, sandbox.own, sandbox.named());
console.log(run('computed'), run('typeof missing'), run('"given" in globalThis'));
console.log(run('delete assigned'), 'assigned' in sandbox);
run('Object.defineProperty(globalThis, "fixed", { value: 7, writable: false, configurable: true })');
console.log(Object.getOwnPropertyDescriptor(sandbox, 'fixed'));
sandbox[0] = 'indexed';
console.log(run('globalThis[0]'), run('Array') !== Array, run('[] instanceof Array'));
try {
  vm.runInContext('"use strict"; undeclared = 1', sandbox);
} catch (error) {
  console.log(error.name, error.message);
}

const bare = vm.createContext(vm.constants.DONT_CONTEXTIFY);
console.log(vm.runInContext('globalThis', bare) === bare, vm.runInContext('kept = 5', bare), bare.kept);

const strict = vm.createContext({}, { codeGeneration: { strings: false } });
try {
  vm.runInContext('eval("1")', strict);
} catch (error) {
  console.log(error.name);
}

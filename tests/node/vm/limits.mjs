// Scripts that run too long are ended; microtasks of a context may be drained with the script.
import vm from 'node:vm';

try {
  vm.runInNewContext('for (;;);', {}, { timeout: 20 });
} catch (error) {
  console.log(error.code, error.message);
}
try {
  vm.runInNewContext('Promise.resolve().then(() => { for (;;); })', {}, { timeout: 20, microtaskMode: 'afterEvaluate' });
} catch (error) {
  console.log(error.code);
}
const order = [];
const context = vm.createContext({ order }, { microtaskMode: 'afterEvaluate' });
vm.runInContext('Promise.resolve().then(() => order.push("inner")); order.push("script")', context);
order.push('outer');
console.log(order.join(' '));

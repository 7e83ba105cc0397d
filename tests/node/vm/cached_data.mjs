// A code cache is taken back as it was given, and refused when it was changed.
import vm from 'node:vm';

const code = 'function twice(n) { return 2 * n } twice(21)';
const cachedData = new vm.Script(code).createCachedData();
console.log(cachedData.length > 0);
const again = new vm.Script(code, { cachedData });
console.log(again.cachedDataRejected, again.runInThisContext());
const changed = Buffer.from(cachedData);
changed.fill(0xff);
// Other text: V8 would find the same one compiled already, and not look at the cache.
const refused = new vm.Script(`${code} // other`, { cachedData: changed });
console.log(refused.cachedDataRejected, refused.runInThisContext());

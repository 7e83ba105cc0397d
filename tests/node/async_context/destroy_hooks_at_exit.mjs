// Resources whose `destroy` hooks still wait when the program ends: it ends as any other.
import { AsyncResource, createHook } from 'node:async_hooks';

createHook({ destroy() {} }).enable();
globalThis.kept = Array.from({ length: 5000 }, (_, index) => new AsyncResource(`KEPT${index % 7}`));
for (let index = 0; index < 5000; index++) new AsyncResource('DROPPED');
console.log(kept.length);

// Modules with top-level await hold their importers, and siblings go on.
console.log('main starts after imports');
import { v } from './slow.mjs';
import './fast.mjs';
console.log(v, await Promise.all([import('./late.mjs'), import('./late.mjs')]).then((x) => x[0] === x[1]));
const r = await import('./rejects.mjs').catch((e) => e.message);
console.log(r);
console.log(await import('./rejects.mjs').catch((e) => e.message));

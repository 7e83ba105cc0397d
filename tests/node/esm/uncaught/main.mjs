// An uncaught error in a module is reported with its place.
import { f } from './lib.mjs';
console.log('before');
f();

// Cyclic modules link, hoist functions and have dead zones.
import { a, callB } from './a.mjs';
console.log(a, callB());

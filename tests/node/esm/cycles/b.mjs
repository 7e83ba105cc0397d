import { a, hoisted } from './a.mjs';
let dead;
try {
  dead = a;
} catch (e) {
  dead = `${e.name}: ${e.message}`;
}
export const early = dead;
export const b = hoisted();

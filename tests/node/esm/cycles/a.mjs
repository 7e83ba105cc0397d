import { b, early } from './b.mjs';
export const a = 'a';
export function hoisted() {
  return 'hoisted from a';
}
export const callB = () => [b, early];

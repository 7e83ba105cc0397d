import { yes } from './two.mjs';
console.log(yes);

import { nope } from './cjs.cjs';

import { other } from './_cycle_a.js';

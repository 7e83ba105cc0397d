import { nothing } from './_exports.mjs';

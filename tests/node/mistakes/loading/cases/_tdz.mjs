import { value } from './cycle_tdz.mjs'; console.log(value);

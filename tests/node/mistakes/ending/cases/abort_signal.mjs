import { setTimeout } from 'node:timers/promises';
const c = new AbortController(); setImmediate(() => c.abort()); await setTimeout(1000, null, { signal: c.signal });

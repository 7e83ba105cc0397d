import { createRequire } from 'node:module';
try { createRequire('relative'); } catch (error) { console.log(error.code, error.message); }
createRequire(import.meta.url)('./nothing.cjs');

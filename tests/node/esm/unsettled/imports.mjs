export * from './waits.mjs';

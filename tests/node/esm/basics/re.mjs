export { b as reexported } from './lib.mjs';
export * from './star.mjs';
export { default } from './star.mjs';

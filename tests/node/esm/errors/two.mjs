export * from './ok.mjs';
export * from './ok2.mjs';

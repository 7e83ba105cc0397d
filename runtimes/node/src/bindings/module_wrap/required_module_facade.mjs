export * from 'original';
export { default } from 'original';
export const __esModule = true;

import './_tdz.mjs';
export const value = 1;

console.log('slow start');
await new Promise((r) => setTimeout(r, 10));
export const v = 'slow value';
console.log('slow end');

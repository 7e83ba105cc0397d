// A thousand timers and nested immediates all run.
let n = 0;
for (let i = 0; i < 1000; i++) setTimeout(() => n++, i % 20);
await new Promise((r) => setTimeout(r, 80));
console.log(n);
let depth = 0;
await new Promise((r) => {
  const f = () => (++depth < 100 ? setImmediate(f) : r());
  f();
});
console.log(depth);
let t = 0;
await new Promise((r) => {
  const f = () => (++t < 1000 ? process.nextTick(f) : r());
  f();
});
console.log(t);
let m = 0;
const chain = async () => {
  while (m < 10000) {
    m++;
    await null;
  }
};
await chain();
console.log(m);

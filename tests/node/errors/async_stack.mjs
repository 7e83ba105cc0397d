// Async stack frames name the awaiting functions.
async function a() {
  await null;
  throw new Error('deep');
}
async function b() {
  await a();
}
async function c() {
  await b();
}
try {
  await c();
} catch (e) {
  console.log(
    e.stack
      .split('\n')
      .slice(1, 4)
      .map((l) => l.trim().replace(/\s*\(?file:.*/, '')),
  );
}
setTimeout(function timer() {
  try {
    throw new Error('t');
  } catch (e) {
    console.log(e.stack.split('\n')[1].includes('timer'));
  }
}, 1);

// A timer set in a tick after a timer's callback is not lost behind a later one that keeps nothing alive.
const began = Date.now();
const later = setTimeout(() => console.log('too late'), 3000);
later.unref();
setTimeout(() => {
  process.nextTick(() => {
    setTimeout(() => console.log('in time:', Date.now() - began < 1500), 20);
  });
}, 20);

// performance.now, marks and measures; WeakRef and FinalizationRegistry; Intl.
// flags: --expose-gc
const { performance, PerformanceObserver } = require('perf_hooks');
const a = performance.now();
const b = performance.now();
console.log(
  b >= a,
  typeof performance.timeOrigin,
  performance.mark('m').name,
  performance.measure('x', 'm').duration >= 0,
  performance.getEntriesByType('mark').length,
  performance.timerify((x) => x * 2)(4),
  typeof performance.eventLoopUtilization().idle,
);
performance.clearMarks();
try {
  performance.measure('y', 'nomark');
} catch (e) {
  console.log(e.name);
}
new PerformanceObserver((l, o) => {
  console.log(
    'observed',
    l.getEntries().map((e) => e.name),
  );
  o.disconnect();
}).observe({ entryTypes: ['mark'] });
performance.mark('seen');
let obj = { big: new Array(1000) };
const w = new WeakRef(obj);
console.log(w.deref() === obj);
const reg = new FinalizationRegistry((h) => console.log('collected', h));
reg.register(obj, 'held');
obj = null;
setTimeout(() => {
  gc();
  setTimeout(() => {
    console.log(w.deref());
  }, 10);
}, 5);

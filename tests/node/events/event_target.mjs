// EventTarget, Event, CustomEvent and AbortSignal follow the DOM.
const t = new EventTarget();
t.addEventListener(
  'a',
  (e) => {
    console.log(e.type, e.target === t, e.cancelable, e.defaultPrevented, e.eventPhase);
    e.preventDefault();
  },
  { once: true },
);
t.addEventListener('a', {
  handleEvent(e) {
    console.log('object', e.defaultPrevented, this !== t);
  },
});
console.log(t.dispatchEvent(new Event('a', { cancelable: true })), t.dispatchEvent(new Event('a')));
t.addEventListener('s', (e) => e.stopImmediatePropagation());
t.addEventListener('s', () => console.log('not'));
t.dispatchEvent(new Event('s'));
t.addEventListener('c', (e) => console.log(e.detail, e instanceof Event));
t.dispatchEvent(new CustomEvent('c', { detail: { x: 1 } }));
const ac = new AbortController();
ac.signal.addEventListener('abort', (e) => console.log(e.type, ac.signal.reason.name, ac.signal.reason.message));
t.addEventListener('sig', () => console.log('gone'), { signal: ac.signal });
ac.abort();
t.dispatchEvent(new Event('sig'));
console.log(ac.signal.aborted, AbortSignal.abort('why').reason);
try {
  ac.signal.throwIfAborted();
} catch (e) {
  console.log(e.name, e.code);
}
const to = AbortSignal.timeout(5);
await new Promise((r) => {
  to.onabort = r;
  setTimeout(() => {}, 50);
});
console.log(to.reason.name, AbortSignal.any([AbortSignal.abort(1), to]).reason);
try {
  t.dispatchEvent('x');
} catch (e) {
  console.log(e.code);
}
console.log(new Event('x').timeStamp > 0, Object.prototype.toString.call(t), new Event('z').composedPath());

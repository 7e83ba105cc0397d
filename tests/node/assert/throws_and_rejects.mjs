// throws, rejects and their validations.
import assert, { AssertionError, strict } from 'node:assert';
const t = async (f) => {
  try {
    await f();
    console.log('ok');
  } catch (e) {
    console.log(e.name, e.code, JSON.stringify(e.message));
  }
};
await t(() =>
  assert.throws(() => {
    throw new TypeError('bad');
  }, TypeError),
);
await t(() =>
  assert.throws(() => {
    throw new TypeError('bad');
  }, /bad/),
);
await t(() =>
  assert.throws(
    () => {
      throw new TypeError('bad');
    },
    { message: 'bad', name: 'TypeError' },
  ),
);
await t(() => assert.throws(() => {}));
await t(() => assert.throws(() => {}, 'msg'));
await t(() =>
  assert.throws(
    () => {
      throw new Error('x');
    },
    { message: 'y' },
  ),
);
await t(() =>
  assert.throws(
    () => {
      throw new Error('x');
    },
    (e) => e.message === 'x',
  ),
);
await t(() =>
  assert.throws(
    () => {
      throw new Error('x');
    },
    () => false,
  ),
);
await t(() => assert.throws('not a function'));
await t(() =>
  assert.doesNotThrow(() => {
    throw new Error('inner');
  }),
);
await t(() => assert.rejects(Promise.reject(new Error('r')), /r/));
await t(() => assert.rejects(async () => {}));
await t(() => assert.doesNotReject(Promise.resolve()));
await t(() => assert.rejects(() => 5));
await t(() => strict.equal(1, '1'));
await t(() => {
  throw new AssertionError({ actual: 1, expected: 2, operator: 'strictEqual' });
});
await t(() => assert.ifError(new Error('passed on')));
console.log(assert.strict === strict, new AssertionError({ message: 'm' }).toString());

// assert throws AssertionErrors with messages and diffs.
import assert from 'node:assert';
const t = (f) => {
  try {
    f();
    console.log('ok');
  } catch (e) {
    console.log(e.name, e.code, e.generatedMessage, e.operator);
    console.log(e.message);
  }
};
t(() => assert.strictEqual(1, 1));
t(() => assert.strictEqual(1, 2));
t(() => assert.strictEqual('a\nb\nc', 'a\nx\nc'));
t(() => assert.strictEqual(1, 2, 'own message'));
t(() => assert.equal(1, '1'));
t(() => assert.equal(1, 2));
t(() => assert.notStrictEqual(1, 1));
t(() => assert.deepStrictEqual({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] }));
t(() => assert.deepStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]));
t(() => assert.deepStrictEqual(new Map([[1, { a: 1 }]]), new Map([[1, { a: 2 }]])));
t(() => assert.deepStrictEqual(new Set([1]), new Set([2])));
t(() => assert.deepEqual({ a: 1 }, { a: '1' }));
t(() => assert.notDeepStrictEqual({ a: 1 }, { a: 1 }));
t(() => assert.deepStrictEqual(-0, 0));
t(() => assert.deepStrictEqual(NaN, NaN));
t(() => assert.deepStrictEqual([1], { 0: 1, length: 1 }));
t(() => assert.fail());
t(() => assert.fail('failing'));
t(() => assert.match('abc', /x/));
t(() => assert.doesNotMatch('abc', /a/));
t(() => assert.ifError(null));
t(() => assert.strictEqual(NaN, NaN));
t(() => assert.partialDeepStrictEqual({ a: 1, b: 2 }, { a: 1 }));
t(() => assert.partialDeepStrictEqual({ a: 1 }, { a: 2 }));
t(() => assert(false, new TypeError('my own')));
t(() => assert.strictEqual('x'.repeat(600), 'y'));
t(() => assert.deepStrictEqual(new Date(0), new Date(1)));
t(() => assert.deepStrictEqual(/a/g, /a/i));
t(() => assert.deepStrictEqual(Object.create(null), {}));

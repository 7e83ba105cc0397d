const assert = require('assert');
assert.deepStrictEqual({ a: 1, b: [1, 2, 3], c: new Map([['k', { v: 1 }]]) }, { a: 1, b: [1, 2, 4], c: new Map([['k', { v: 2 }]]) });

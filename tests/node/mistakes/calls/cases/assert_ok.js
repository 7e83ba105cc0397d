const assert = require('assert');
const list = [];
assert(list.length > 0 &&
  list[0] === 1);

function inner() { throw new Error('a plain error'); }
function outer() { inner(); }
outer();

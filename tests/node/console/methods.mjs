// console prints to the right stream, with groups, counts, tables and assertions.
console.log('log', 1, true, null, undefined, 10n, Symbol('s'));
console.info('info');
console.debug('debug');
console.error('error');
console.warn('warn');
console.log('%s is %d years and %i, %f, %j %o %O %%', 'Bob', 42.5, 42.9, 1.5, { a: 1 }, [1], { b: { c: {} } });
console.log('%c styled', 'color: red', 'rest');
console.log('%s', 'a', 'b', { c: 1 });
console.log('100%', 5);
console.group('outer');
console.log('inside');
console.group();
console.log('deeper\nsecond line');
console.groupEnd();
console.warn('w');
console.groupEnd();
console.log('out');
console.count();
console.count('x');
console.count();
console.countReset();
console.count();
console.assert(true, 'not shown');
console.assert(false, 'shown %s', 'here');
console.assert(false);
console.table([
  { a: 1, b: 'x' },
  { a: 2, c: true },
]);
console.table([
  [1, 2],
  [3, 4],
]);
console.table(new Map([['k', 1]]));
console.table([{ a: 1, b: 2 }], ['b']);
console.table(5);
console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 });
console.dirxml('x', [1]);
console.log();
console.log('');
console.log('a\tb');

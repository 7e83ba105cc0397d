exports.kept = 1;
exports.compared == 2;
exports.removed = void 0;
const other = { a: 1 };
Object.defineProperty(exports, 'removed', {
  enumerable: true,
  get: function () {
    console.log('read');
    return other.a;
  },
});
Object.defineProperty(exports, 'wrapped', { enumerable: true, get: function () { return (0, other.a); } });
Object.defineProperty(exports, 'member', { enumerable: true, get: function () { return other.a; } });
Object.defineProperty(exports, 'hidden', { enumerable: false, get() { return other.a; } });
Object.defineProperty(exports, 'short', { get() { return other['a']; } });
var __reExport = () => {};
__reExport(exports, require('./literal.cjs'));

// --enable-source-maps maps stacks to the original file.
// flags: --enable-source-maps
const fs = require('fs');
const map = { version: 3, sources: ['original.ts'], names: [], mappings: 'AAAA;AACA;AAIA', file: 'gen.js' };
fs.writeFileSync(
  'gen.js',
  'exports.f = () => {\n  let x;\n  throw new Error("mapped");\n};\n//# sourceMappingURL=data:application/json;base64,' +
    Buffer.from(JSON.stringify(map)).toString('base64'),
);
try {
  require('./gen.js').f();
} catch (e) {
  console.log(e.stack.split('\n')[1].replace(/\(?\/.*\//, '('));
}
console.log(
  require('module')
    .findSourceMap(require.resolve('./gen.js'))
    .payload.sources.map((s) => s.replace(/.*\//, '')),
  process.sourceMapsEnabled,
);

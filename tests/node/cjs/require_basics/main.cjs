// require finds files, directories, JSON and extensions, and caches what it loaded.
const a = require('./a');
console.log(a, require('./a.js') === a, require('./data'), require('./dir'), require('./withmain'), require('./data.json').list);
console.log(Object.keys(require.cache).map((k) => k.replace(__dirname, '.')));
delete require.cache[require.resolve('./a')];
console.log(
  require('./a') === a,
  module.children.length,
  module.id,
  module.loaded,
  module.filename === __filename,
  module.path === __dirname,
  require.main === module,
  module.parent,
);
console.log(
  require.extensions['.js'] !== undefined,
  Object.keys(require.extensions),
  module.paths[0].replace(__dirname, '.'),
  typeof module.require,
  this === module.exports,
  arguments.length,
  __filename.replace(__dirname, '.'),
);
for (const bad of ['./missing', './broken', './bad.json', '', './dir/none', 5]) {
  try {
    require(bad);
  } catch (e) {
    console.log(e.name, e.code, e.message.replaceAll(__dirname, '.').split('\n')[0], e.requireStack?.length);
  }
}

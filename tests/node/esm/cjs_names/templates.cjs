const text = `${[1].map((n) => `${'`'}${n}`)} exports.not = 1`;
const deep = `${(() => {
  exports.inside = text / 2 / 1;
})()}`;
exports.after = deep;

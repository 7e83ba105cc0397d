undeclared = 5;
module.exports = [
  delete globalThis.undeclared,
  (function () {
    return this === globalThis;
  })(),
  typeof __dirname,
];

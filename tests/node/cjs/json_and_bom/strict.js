'use strict';
try {
  undeclared2 = 1;
} catch (e) {
  module.exports = e.name;
}

// Which names of a CommonJS module are exports: getters with effects are not, comparisons and a `get` in a literal are.
import * as names from './names.cjs';
import * as literal from './literal.cjs';
import * as templates from './templates.cjs';
console.log(Object.keys(names), Object.keys(literal), Object.keys(templates));

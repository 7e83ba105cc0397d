const { parseArgs } = require('util');
let values;
try {
  ({ values } = parseArgs({ options: { min: { type: 'string', default: '0' }, json: { type: 'boolean' } } }));
} catch (e) {
  console.error(e.message.split('.')[0]);
  process.exit(64);
}
const nums = require('fs')
  .readFileSync(0, 'utf8')
  .trim()
  .split('\n')
  .map(Number)
  .filter((n) => n >= Number(values.min));
console.log(values.json ? JSON.stringify(nums) : nums.join('\n'));

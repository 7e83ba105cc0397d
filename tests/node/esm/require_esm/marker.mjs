export { whole as 'module.exports' };
const whole = { replaced: true };

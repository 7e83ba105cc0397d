export default 'default';
export let a = 1;
const hidden = 2;
export { hidden as b };
export function inc() {
  a++;
}

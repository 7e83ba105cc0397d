export function f() {
  throw Object.assign(new Error('from a module'), { code: 'E_MINE' });
}

// JSON needs its import attribute; unknown ones are refused.
import data from './data.json' with { type: 'json' };
console.log(data, (await import('./data.json', { with: { type: 'json' } })).default === data);
const t = async (f) => {
  try {
    await f();
    console.log('ok');
  } catch (e) {
    console.log(e.name, e.code, e.message.replace(/file:.*\//, '').split('\n')[0]);
  }
};
await t(() => import('./data.json'));
await t(() => import('./data.json', { with: { type: 'css' } }));
await t(() => import('./bad.json', { with: { type: 'json' } }));
await t(() => import('./main.mjs', { with: { type: 'json' } }));
await t(() => import('./data.json', { with: { nope: 'x' } }));

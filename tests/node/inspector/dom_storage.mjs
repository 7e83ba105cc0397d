// flags: --experimental-webstorage --experimental-storage-inspection --localstorage-file=./pairs.db
// stderr: ignored
// A session sees what localStorage and sessionStorage hold, and how that changes.
import { DOMStorage, Session } from 'node:inspector/promises';
import { pathToFileURL } from 'node:url';

const session = new Session();
session.connect();
const { storageKey } = await session.post('Storage.getStorageKey');
console.log(storageKey.toLowerCase() === pathToFileURL('pairs.db').href.toLowerCase());
const ask = (isLocalStorage) => session.post('DOMStorage.getDOMStorageItems', { storageId: { securityOrigin: '', isLocalStorage, storageKey } });
await ask(true).catch((error) => console.log(error.message));
await session.post('DOMStorage.enable');
session.on('inspectorNotification', ({ method, params }) => {
  console.log(method, params.key, params.oldValue, params.newValue, params.storageId.isLocalStorage);
});
for (const storage of [localStorage, sessionStorage]) {
  storage.setItem('a', 1);
  storage.setItem('a', 'значение');
  storage.setItem('b', '');
  storage.removeItem('b');
  console.log(JSON.stringify((await ask(storage === localStorage)).entries));
  storage.clear();
}
DOMStorage.registerStorage({ isLocalStorage: true, storageMap: { one: 1, [true]: 'two' } });
console.log(JSON.stringify((await ask(true)).entries.sort()), JSON.stringify((await ask(false)).entries));
for (const bad of [{}, { storageId: {} }, { storageId: { securityOrigin: '', storageKey: '' } }]) {
  try { DOMStorage.domStorageItemAdded(bad); } catch (error) { console.log(error.name, error.message); }
}
await session.post('DOMStorage.clear', { storageId: { securityOrigin: '', isLocalStorage: true } }).catch((error) => console.log(error.message));
session.disconnect();

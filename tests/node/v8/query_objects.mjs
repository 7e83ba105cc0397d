// stderr: ignored
// What lives on the heap is found by its prototype.
import { queryObjects } from 'node:v8';

class Base {}
class Child extends Base {}
console.log(queryObjects(Base), queryObjects(Child));
const kept = [new Base(), new Child(), Object.create(new Child())];
(() => { for (let i = 0; i < 100; i++) new Base(); })();
console.log(queryObjects(Base), queryObjects(Child, { format: 'count' }));
console.log(queryObjects(Base, { format: 'summary' }).sort());
kept.length = 1;
console.log(queryObjects(Child), queryObjects(Base, { format: 'summary' }).sort());

// Names that say something else.
class objectId { get [Symbol.toStringTag]() { return 'objectId'; } }
const named = new objectId();
console.log(queryObjects(objectId), named instanceof objectId);
Object.defineProperty(Base.prototype, 'constructor', { get() { console.log('looked at'); } });
console.log(queryObjects(Base));

for (const bad of [undefined, null, 1, {}, 'Map']) {
  try { queryObjects(bad); } catch (error) { console.log(error.code); }
}
try { queryObjects(Base, { format: 'all' }); } catch (error) { console.log(error.code); }

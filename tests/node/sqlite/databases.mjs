// node:sqlite: files and memory, parameters, rows, transactions, functions, aggregates, sessions, copies, errors.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync, backup, constants } from 'node:sqlite';

const t = (f) => {
  try {
    console.log(f());
  } catch (error) {
    console.log(error.name, error.code, error.message, error.errcode, error.errstr);
  }
};
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sqlite-'));
const file = path.join(directory, 'data.db');
const db = new DatabaseSync(file);
db.exec('CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB, weight REAL)');
const insert = db.prepare('INSERT INTO people(name, photo, weight) VALUES ($name, $photo, ?)');
t(() => insert.run({ name: 'Ada', photo: new Uint8Array([1, 2, 3]) }, 55.5));
t(() => insert.run({ $name: 'Blaise', photo: null }, 70));
t(() => insert.run({ name: null, photo: null }, 1));
t(() => insert.run({ nme: 'x' }));
t(() => db.prepare('SELECT * FROM people ORDER BY id').all());
t(() => db.prepare('SELECT name FROM people WHERE id = ?').get(2));
t(() => [...db.prepare('SELECT id FROM people').iterate()]);
t(() => db.prepare('SELECT weight AS w FROM people').columns());
t(() => db.prepare('SELECT 9007199254740993 AS n').get());
t(() => db.prepare('SELECT 9007199254740993 AS n', { readBigInts: true }).get());
t(() => db.exec('BEGIN; UPDATE people SET weight = 0; ROLLBACK'));
t(() => db.prepare('SELECT sum(weight) AS total FROM people').get().total);
t(() => db.exec('SELECT nothing'));

db.function('shout', (text) => `${text.toUpperCase()}!`);
t(() => db.prepare('SELECT shout(name) AS s FROM people').all());
db.function('fails', () => {
  throw new RangeError('from within');
});
t(() => db.prepare('SELECT fails()').get());
db.aggregate('longest', { start: '', step: (best, name) => (name.length > best.length ? name : best), result: (best) => best });
t(() => db.prepare('SELECT longest(name) AS l FROM people').get());
db.aggregate('running', { start: 0, step: (sum, n) => sum + n, inverse: (sum, n) => sum - n });
t(() => db.prepare('SELECT running(weight) OVER (ORDER BY id ROWS 1 PRECEDING) AS r FROM people').all());

const copy = new DatabaseSync(':memory:');
copy.exec('CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB, weight REAL)');
const session = db.createSession({ table: 'people' });
db.exec("INSERT INTO people(name) VALUES ('Carl')");
t(() => copy.applyChangeset(session.changeset()));
t(() => copy.applyChangeset(session.changeset(), { onConflict: () => constants.SQLITE_CHANGESET_ABORT }));
t(() => copy.prepare('SELECT name FROM people').all());

const target = path.join(directory, 'copy.db');
console.log(await backup(db, target));
const other = new DatabaseSync(target, { readOnly: true });
t(() => other.prepare('SELECT count(*) AS n FROM people').get());
t(() => other.exec('DELETE FROM people'));
t(() => [db.location() === file, other.isOpen, copy.location()]);

// Two connections to one file wait for each other.
const second = new DatabaseSync(file);
db.exec('BEGIN IMMEDIATE');
t(() => second.exec("INSERT INTO people(name) VALUES ('Dora')"));
db.exec('COMMIT');
t(() => second.prepare("INSERT INTO people(name) VALUES ('Dora')").run());
t(() => db.prepare('SELECT count(*) AS n FROM people').get());

db.setAuthorizer((action) => (action === constants.SQLITE_DELETE ? constants.SQLITE_DENY : constants.SQLITE_OK));
t(() => db.exec('DELETE FROM people'));
t(() => db.prepare('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT sum(i) AS s FROM n').get());
const sql = db.createTagStore();
t(() => sql.get`SELECT ${1} + ${2} AS three`);
for (const database of [db, copy, other, second]) database.close();
t(() => db.exec('SELECT 1'));
t(() => insert.run());
console.log(fs.readdirSync(directory), fs.readFileSync(file).subarray(0, 15).toString());
fs.rmSync(directory, { recursive: true });

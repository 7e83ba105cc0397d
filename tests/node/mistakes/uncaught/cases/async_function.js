async function load() { await null; throw new RangeError('after an await'); }
load();

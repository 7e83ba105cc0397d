function down(n) { return down(n + 1) + 1; }
try { down(0); } catch (error) { console.log(error instanceof RangeError, error.message); }
process.on('uncaughtException', (error, origin) => console.log(origin, error.name, error.message));
setImmediate(() => console.log('goes on'));
down(0);

try { Buffer.alloc(2 ** 53); } catch (error) { console.log(error.code, error.message); }
try { 'x'.padEnd(2 ** 30); } catch (error) { console.log(error.name, error.message); }
new Array(2 ** 32);

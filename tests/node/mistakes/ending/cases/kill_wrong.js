for (const f of [() => process.kill(process.pid, 'SIGNOT'), () => process.kill('x'), () => process.kill(process.pid, 100)]) { try { f(); } catch (error) { console.log(error.code, error.message); } }
process.kill(999999, 0);

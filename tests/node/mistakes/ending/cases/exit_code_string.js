try { process.exitCode = 'x'; } catch (error) { console.log(error.code, error.message); }
process.exitCode = '7';

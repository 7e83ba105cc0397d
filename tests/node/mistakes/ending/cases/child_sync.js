const { execSync, execFileSync, spawnSync } = require('child_process');
console.log(spawnSync('no-such-program').error);
try { execFileSync('false'); } catch (error) { console.log(error.message, error.status, error.signal); }
try { execSync('echo out; echo err >&2; exit 3'); } catch (error) { console.log(error.message, error.status, `${error.stdout}`); }
execFileSync('no-such-program');

// Writing to a closed pipe gives EPIPE as an error event.
const { spawn } = require('child_process');
const c = spawn(
  process.execPath,
  [
    '-e',
    'process.stdout.on("error", (e) => { console.error(e.code, e.syscall); process.exit(3); }); setInterval(() => process.stdout.write("y".repeat(1000)), 1)',
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
c.stdout.once('data', () => c.stdout.destroy());
c.on('close', (code, sig) => console.log('closed', code, sig));

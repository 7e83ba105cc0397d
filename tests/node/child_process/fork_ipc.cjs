// fork exchanges messages with a child.
const { fork } = require('child_process');
const fs = require('fs');
fs.writeFileSync(
  'child.cjs',
  'process.on("message", (m) => { process.send({ echo: m, connected: process.connected, args: process.argv.slice(2) }); if (m.end) process.disconnect(); });',
);
const c = fork('./child.cjs', ['arg']);
c.on('message', (m) => console.log('parent got', m));
c.on('disconnect', () => console.log('disconnect'));
c.on('exit', (code) => console.log('exit', code, c.connected));
c.send({ n: 1, nested: { a: [1, 'é'] } });
c.send({ end: true });
console.log(c.connected, typeof c.channel);

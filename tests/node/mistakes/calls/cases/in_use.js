const { createServer } = require('net');
const first = createServer().listen(0, '127.0.0.1', () => { const { port } = first.address(); const second = createServer(); second.on('error', (e) => { console.log(e.code, e.syscall, e.message.replace(port, 'PORT')); first.close(); }); second.listen(port, '127.0.0.1'); });

require('dns').lookup('no.such.host.invalid', (error) => console.log(error.code, error.errno, error.syscall, error.hostname, error.message));

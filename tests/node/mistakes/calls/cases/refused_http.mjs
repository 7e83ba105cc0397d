try { await fetch('http://127.0.0.1:1/'); } catch (error) { console.log(error.message, error.cause.code, error.cause.message); }
(await import('node:http')).get('http://127.0.0.1:1/');

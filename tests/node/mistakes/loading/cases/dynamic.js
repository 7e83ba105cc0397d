import('./no_such_file.mjs').catch((error) => { console.log(error.code, error.url?.startsWith('file://'), error.message.replace(/'.*?'/g, 'X')); return import(5); });

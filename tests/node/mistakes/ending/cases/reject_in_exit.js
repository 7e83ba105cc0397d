process.on('exit', () => { Promise.reject(new Error('too late')); console.log('ended'); });

process.on('uncaughtException', (error) => { console.log('handling', error.message); throw new Error('while handling'); });
throw new Error('first');

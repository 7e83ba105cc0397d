process.on('uncaughtExceptionMonitor', (error, origin) => console.log(origin, error.message));
throw new Error('watched');

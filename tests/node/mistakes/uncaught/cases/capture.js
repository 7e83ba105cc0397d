process.setUncaughtExceptionCaptureCallback((error) => console.log('captured', error.message));
setTimeout(() => console.log('goes on'), 1);
throw new Error('x');

console.log('evaluated once');
await null;
throw new Error('rejected module');

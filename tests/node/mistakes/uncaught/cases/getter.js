console.log({ get broken() { throw new Error('not run') } });
console.log(`${{ toString() { throw new Error('in toString'); } }}`);

throw new Error('in a module that is required');

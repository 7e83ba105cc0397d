const error = new Error('own stack'); error.stack = 'my own stack\n    at nowhere'; throw error;

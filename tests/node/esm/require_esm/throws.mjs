throw new Error('thrown by esm');

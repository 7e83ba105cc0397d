process.emitWarning('careful', { type: 'OwnWarning', code: 'OWN1', detail: 'a detail' });
process.emitWarning(new Error('an error as warning'));

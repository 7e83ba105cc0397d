require('vm').runInThisContext('\n\n  if (', 'given.js');

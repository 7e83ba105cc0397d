const { EventEmitter } = require('events');
new EventEmitter().emit('error', 'text instead of an error', 2);

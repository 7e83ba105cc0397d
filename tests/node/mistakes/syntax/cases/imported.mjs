import './_wrong.js';

require('./_wrong.js');

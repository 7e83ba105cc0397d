try { require('./_throws.js'); } catch (error) { console.log('first', error.message); }
require('./_throws.js');

try { require(1); } catch (error) { console.log(error.code, error.message); }
require('');

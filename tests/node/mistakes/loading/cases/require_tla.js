require('./_tla.mjs');

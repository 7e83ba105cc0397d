require('./_esm_throws.mjs');

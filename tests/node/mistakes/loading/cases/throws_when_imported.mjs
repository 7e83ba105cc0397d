import './_throws.js';

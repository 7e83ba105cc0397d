// A missing static import is reported before anything runs.
console.log('never');
import './gone.mjs';

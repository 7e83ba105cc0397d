import 'limited/hidden.js';

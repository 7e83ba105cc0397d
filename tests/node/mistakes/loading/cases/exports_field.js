const fs = require('fs'); const path = require('path');
const package_ = path.join(__dirname, 'node_modules', 'limited');
require('limited/hidden.js');

const fs = require('fs');
await fs.promises.readFile('x');

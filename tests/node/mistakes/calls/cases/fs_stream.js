require('fs').createReadStream('missing.txt');

new Buffer(1); url = require('url').parse('http://a b/'); console.log(url.href);

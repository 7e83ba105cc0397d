const { Writable } = require('stream'); const w = new Writable({ write(c, e, done) { done(); } }); w.end(); w.write('late');

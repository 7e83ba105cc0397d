// The callback forms call back later with errors first.
const fs = require('fs');
const log =
  (name) =>
  (e, ...r) =>
    console.log(name, e ? `${e.code} ${e.message}` : null, ...r);
let sync = true;
fs.writeFile('a', 'abc', (e) => {
  log('write')(e);
  console.log('later', !sync);
  fs.readFile('a', (e, d) => {
    log('read')(e, d);
    fs.readFile('a', 'utf8', (e, d) => {
      log('utf8')(e, d);
      fs.stat('a', (e, s) => {
        console.log('stat', s.size, s.isFile());
        fs.open('a', 'r+', (e, fd) => {
          fs.read(fd, Buffer.alloc(2), 0, 2, 1, (e, n, b) => {
            log('fd read')(e, n, b.toString());
            fs.write(fd, 'ZZ', 0, (e, n, s) => {
              log('fd write')(e, n, s);
              fs.fstat(fd, (e, st) => {
                console.log('fstat', st.size);
                fs.close(fd, (e) => {
                  log('close')(e);
                  rest();
                });
              });
            });
          });
        });
      });
    });
  });
});
sync = false;
function rest() {
  fs.appendFile('a', '!', () =>
    fs.copyFile('a', 'b', (e) => {
      log('copy')(e);
      fs.rename('b', 'c', (e) => {
        log('rename')(e);
        fs.unlink('c', (e) => {
          log('unlink')(e);
          fs.mkdir('d/e', { recursive: true }, (e, first) => {
            log('mkdir')(e, first.endsWith('/d'));
            fs.readdir('d', (e, l) => {
              log('readdir')(e, l);
              fs.rmdir('d', (e) => {
                log('rmdir')(e);
                fs.access('zz', (e) => {
                  log('access')(e);
                  fs.exists('a', (x) => {
                    console.log('exists', x);
                    fs.rm('d', { recursive: true }, (e) => {
                      log('rm')(e);
                      fs.mkdtemp('tmp-', (e, d) => {
                        console.log('mkdtemp', /^tmp-\w{6}$/.test(d));
                        fs.lstat('zz', (e, s) => {
                          log('lstat')(e, s);
                          fs.symlink('a', 'l', (e) => {
                            log('symlink')(e);
                            fs.readlink('l', (e, t) => {
                              log('readlink')(e, t);
                              fs.realpath('l', (e, p) => console.log('realpath', require('path').basename(p)));
                            });
                          });
                        });
                      });
                    });
                  });
                });
              });
            });
          });
        });
      });
    }),
  );
}

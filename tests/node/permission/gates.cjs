// What is looked at through other doors than open needs permission, too.
const { spawnSync } = require('node:child_process');
const { mkdirSync, realpathSync, writeFileSync } = require('node:fs');

const place = realpathSync('.');
mkdirSync('open');
mkdirSync('shut');
writeFileSync('open/file', 'open');
writeFileSync('shut/file', 'shut');
const tries = `
  const fs = require('fs');
  const { DatabaseSync } = require('node:sqlite');
  const place = ${JSON.stringify(place)};
  for (const [name, run] of Object.entries({
    watch: (path) => fs.watch(path).close(),
    watchFile: (path) => fs.unwatchFile(path, fs.watchFile(path, () => {})),
    blob: (path) => fs.openAsBlob(path) instanceof Promise,
    link: (path) => fs.linkSync(path, place + '/open/' + Math.random()),
    chdir: (path) => process.chdir(path.replace('/file', '')),
    exists: (path) => fs.existsSync(path),
  })) {
    for (const folder of ['open', 'shut']) {
      try {
        run(place + '/' + folder + '/file');
        console.log(name, folder, 'fine');
      } catch ({ code, permission, resource }) {
        console.log(name, folder, code, permission, resource?.replace(place, ''));
      }
    }
  }
  try { new DatabaseSync(':memory:', { allowExtension: true }); } catch ({ code, message }) { console.log(code, message); }
  try { process._linkedBinding('missing'); } catch ({ code, permission, resource }) { console.log(code, permission, resource); }
`;
const grants = ['--permission', `--allow-fs-read=${place}/open/*`, `--allow-fs-write=${place}/open/*`];
const { stdout, stderr, status } = spawnSync(process.execPath, [...grants, '--no-warnings', '-e', tries], { encoding: 'utf8' });
console.log(stdout, stderr, status);

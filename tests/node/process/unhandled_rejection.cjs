// Unhandled rejections end the process, unless handled or told otherwise.
const { spawnSync } = require('child_process');
const run = (code, ...f) => {
  const r = spawnSync(process.execPath, [...f, '-e', code], { encoding: 'utf8' });
  console.log(r.status, JSON.stringify(r.stdout), r.stderr.replace(/\n\s+at .*/g, '\n  at').replace(/node:\d+/g, 'node:PID'));
};
run('Promise.reject(new Error("bad"))');
run('Promise.reject("text")');
run('Promise.reject({a:1})');
run('Promise.reject(undefined)');
run('process.on("unhandledRejection",(r,p)=>console.log("got",r,p instanceof Promise));Promise.reject(1)');
run('const p=Promise.reject(1);setTimeout(()=>p.catch(()=>console.log("late")),5)');
run('Promise.reject(2);console.log("x")', '--unhandled-rejections=warn');
run('Promise.reject(2)', '--unhandled-rejections=none');
run(
  'process.on("rejectionHandled",()=>console.log("handled"));process.on("unhandledRejection",()=>console.log("un"));const p=Promise.reject(1);setTimeout(()=>p.catch(()=>{}),5)',
);
run('Promise.reject(3)', '--unhandled-rejections=strict');

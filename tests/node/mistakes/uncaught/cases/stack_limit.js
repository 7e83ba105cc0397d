// flags: --stack-trace-limit=2
function a() { b(); } function b() { c(); } function c() { throw new Error('two frames'); } a();

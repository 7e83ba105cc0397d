// flags: --trace-uncaught
function thrower() { throw 'text'; } thrower();

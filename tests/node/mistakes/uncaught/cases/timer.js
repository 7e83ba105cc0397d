setTimeout(function later() { throw new Error('in a timer'); }, 1);

// Says that it is up, and stays.
console.log("up");
setInterval(() => {}, 1000000);

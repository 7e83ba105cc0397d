console.log([() => 1n + 1, () => BigInt(1.5), () => BigInt('x'), () => JSON.stringify(1n), () => 1n / 0n].map((f) => { try { return f(); } catch (error) { return `${error.name}: ${error.message}`; } }));
Math.max(1n);

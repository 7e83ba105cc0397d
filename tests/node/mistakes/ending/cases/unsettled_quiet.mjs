// flags: --no-warnings
await new Promise(() => {});

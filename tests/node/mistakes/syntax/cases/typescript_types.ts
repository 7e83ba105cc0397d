const n: number = 1; interface A { b: string }
throw new Error(`typed ${n}`);

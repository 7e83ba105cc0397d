try { eval('var 1x'); } catch (error) { console.log(error.name, error.message); }
eval('let x; let x');

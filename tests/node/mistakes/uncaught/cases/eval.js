eval('function evaluated() { throw new Error("in eval") }\nevaluated()');

try { JSON.parse('{"a": }'); } catch (cause) { throw new Error('reading the settings', { cause }); }

throw { code: 'MINE', nested: { deep: [1, 2, { three: 3 }] } };

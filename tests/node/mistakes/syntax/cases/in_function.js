new Function('a b', 'return 1');

new Function('a', 'throw new Error("in a made function: " + a)')(1);

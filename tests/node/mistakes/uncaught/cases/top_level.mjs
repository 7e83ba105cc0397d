await Promise.reject(new TypeError('at the top level'));

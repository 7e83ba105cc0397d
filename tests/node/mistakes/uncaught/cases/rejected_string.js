Promise.reject('a reason that is no error');

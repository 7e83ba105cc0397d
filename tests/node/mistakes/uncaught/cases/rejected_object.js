Promise.reject({ why: 'an object' });

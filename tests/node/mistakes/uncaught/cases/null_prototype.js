throw Object.create(null, { message: { value: 'no prototype', enumerable: true } });

try { require.resolve('./nothing', { paths: ['/tmp'] }); } catch (error) { console.log(error.code, error.message.split('\n')[0]); }
require.resolve('nothing-at-all');

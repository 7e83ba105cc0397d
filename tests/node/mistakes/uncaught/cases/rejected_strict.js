// flags: --unhandled-rejections=strict
process.on('unhandledRejection', () => console.log('not asked first'));
Promise.reject(new Error('strict'));

console.log('late once');
export {};

console.log('before');
notDefined();

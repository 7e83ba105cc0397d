require('./_broken.json');

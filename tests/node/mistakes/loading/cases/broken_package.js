require('badjson');

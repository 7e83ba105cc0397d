require('nomain');

// Byte order marks and #! lines are skipped; strict mode and globals are as they should be.
console.log(require('./bom.json'), require('./bom.js'), require('./bang.js'), require('./sloppy.js'), require('./strict.js'));

import 'badexports';

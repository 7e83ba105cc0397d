import 'node:nothing';

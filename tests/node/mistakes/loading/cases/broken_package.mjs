import 'badjson';

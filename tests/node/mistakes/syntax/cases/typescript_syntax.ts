const n: = 1;

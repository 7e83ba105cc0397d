const n = 010;

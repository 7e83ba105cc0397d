import './%2f.mjs';

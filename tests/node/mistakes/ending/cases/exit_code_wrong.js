process.exit(1.5);

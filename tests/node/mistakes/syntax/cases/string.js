const text = 'not closed;

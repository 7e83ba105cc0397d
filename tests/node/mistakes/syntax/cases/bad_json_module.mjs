import data from './_broken.json' with { type: 'json' };

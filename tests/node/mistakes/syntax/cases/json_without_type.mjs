import data from './_broken.json';

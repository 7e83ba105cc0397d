// Intl formats numbers, dates, lists, plurals and compares.
console.log(
  new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }).format(1234567.891),
  (1234.5).toLocaleString('en-US'),
  new Intl.NumberFormat('en', { notation: 'compact' }).format(12345),
  new Intl.NumberFormat('ar-EG').format(123),
  new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long', timeZone: 'UTC' }).format(0),
  new Date(0).toLocaleDateString('ja-JP', { timeZone: 'Asia/Tokyo' }),
  new Intl.DateTimeFormat('fr', { month: 'long', timeZone: 'UTC' }).format(0),
);
console.log(
  ['z', 'ä', 'a'].sort(new Intl.Collator('sv').compare),
  ['z', 'ä', 'a'].sort(new Intl.Collator('de').compare),
  new Intl.PluralRules('pl').select(3),
  new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(-1, 'day'),
  new Intl.ListFormat('en').format(['a', 'b', 'c']),
  [...new Intl.Segmenter('en', { granularity: 'word' }).segment('Hello, world')].length,
  'İ'.toLocaleLowerCase('tr'),
  'e\u0301'.normalize('NFC').length,
  /\p{Script=Greek}/u.test('α'),
  new Intl.DisplayNames('en', { type: 'region' }).of('FR'),
  Intl.DateTimeFormat().resolvedOptions().timeZone,
  new Date(0).toString(),
  new Date(2020, 5, 1).getTimezoneOffset(),
  'ß'.toUpperCase(),
  'a'.localeCompare('B'),
);

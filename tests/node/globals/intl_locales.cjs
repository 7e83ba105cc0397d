// Intl has the locales, names and formats of Node's full data.
const at = new Date(Date.UTC(2024, 2, 5, 15, 4, 9));
const locales = ['en', 'de', 'my', 'km', 'ka', 'si', 'lo', 'yo', 'zu', 'cy', 'eo', 'haw', 'ff', 'rw', 'ar-EG', 'fa', 'ne', 'zh-Hant-HK', 'sr-Latn', 'pt-PT', 'kok', 'sat', 'nn'];
console.log(Intl.DateTimeFormat.supportedLocalesOf(locales).length, Intl.Collator.supportedLocalesOf(locales).length, Intl.RelativeTimeFormat.supportedLocalesOf(locales).length);
for (const locale of locales) {
  console.log(locale, JSON.stringify(new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long', timeZone: 'Europe/Berlin' }).format(at)));
  console.log(new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR', currencyDisplay: 'name' }).format(-1234567.891), new Intl.NumberFormat(locale, { style: 'unit', unit: 'kilometer-per-hour', unitDisplay: 'long' }).format(3), new Intl.NumberFormat(locale, { notation: 'compact', compactDisplay: 'long' }).format(12345678));
  console.log(new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-1, 'day'), new Intl.ListFormat(locale).format(['a', 'b', 'c']), new Intl.PluralRules(locale, { type: 'ordinal' }).select(3), new Intl.DisplayNames(locale, { type: 'language' }).of('sw'), new Intl.DisplayNames(locale, { type: 'region' }).of('CH'));
  console.log(['ä', 'z', 'a', 'ch', 'Å', 'o'].sort(new Intl.Collator(locale).compare).join(), JSON.stringify(at.toLocaleTimeString(locale, { timeZone: 'UTC', timeZoneName: 'short' })));
}
console.log([...new Intl.Segmenter('th', { granularity: 'word' }).segment('สวัสดีชาวโลก')].map(({ segment }) => segment), Intl.supportedValuesOf('calendar').length, Intl.supportedValuesOf('collation').length, Intl.supportedValuesOf('currency').length, Intl.supportedValuesOf('numberingSystem').length, Intl.supportedValuesOf('timeZone').length);

// Recorded values, percentiles, and what is out of bounds.
import { createHistogram } from 'node:perf_hooks';

const histogram = createHistogram({ lowest: 1, highest: 1000, figures: 3 });
console.log(histogram.count, histogram.min, histogram.max, histogram.mean, histogram.stddev);
for (let value = 1; value <= 100; value++) histogram.record(value);
console.log(histogram.count, histogram.min, histogram.max, histogram.mean);
console.log(histogram.percentile(50), histogram.percentile(99), histogram.percentileBigInt(100));
histogram.record(5000);
console.log(histogram.exceeds, histogram.countBigInt);
const other = createHistogram({ lowest: 1, highest: 1000, figures: 3 });
other.record(7n);
histogram.add(other);
console.log(histogram.count, histogram.exceedsBigInt);
histogram.reset();
console.log(histogram.count, histogram.exceeds);

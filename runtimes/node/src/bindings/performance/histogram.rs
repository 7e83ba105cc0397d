//! `Histogram`: what `perf_hooks.createHistogram` and `monitorEventLoopDelay` are made of. Node: `src/histogram.cc`.
//!
//! The counting is the hdrhistogram crate's. A histogram that travels in a message is the same one at both ends. The tests of
//! statistics between two histograms (Welch, Mann-Whitney) and confidence intervals are not there.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cenote_base::MonoTime;
use hdrhistogram::Histogram as Hdr;

use crate::bindings::messaging::transfer::{self, TransferData};
use crate::environment::Environment;
use crate::event_loop::AlarmId;
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    new_instance,
};

pub(super) static HISTOGRAM: Class = Class::new("Histogram", new_histogram)
    .method("count", count)
    .method("countBigInt", count_big)
    .method("exceeds", exceeds)
    .method("exceedsBigInt", exceeds_big)
    .method("min", min)
    .method("minBigInt", min_big)
    .method("max", max)
    .method("maxBigInt", max_big)
    .method("mean", mean)
    .method("stddev", stddev)
    .method("skewness", skewness)
    .method("kurtosis", kurtosis)
    .method("ewmaMean", ewma_mean)
    .method("ewmaStddev", ewma_stddev)
    .method("ewmaErrorRate", ewma_error_rate)
    .method("cdf", cdf)
    .method("countAt", count_at)
    .method("percentile", percentile)
    .method("percentileBigInt", percentile_big)
    .method("percentiles", percentiles)
    .method("percentilesBigInt", percentiles_big)
    .method("percentilesAt", percentiles_at)
    .method("linearBuckets", linear_buckets)
    .method("logBuckets", log_buckets)
    .method("ksTest", ks_test)
    .method("cohensD", cohens_d)
    .method("cliffsD", cliffs_d)
    .method("record", record)
    .method("recordDelta", record_delta)
    .method("recordCorrected", record_corrected)
    .method("add", add)
    .method("subtract", subtract)
    .method("reset", reset)
    .method("start", start)
    .method("stop", stop);

/// Bytes that all histograms of the host process may hold.
const ROOM: usize = 1 << 30;
static HELD: AtomicUsize = AtomicUsize::new(0);

/// An exponentially weighted moving average, if one was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Moving {
    alpha: f64,
    threshold: f64,
    mean: f64,
    variance: f64,
    error_rate: f64,
    is_begun: bool,
}

impl Moving {
    fn note(&mut self, value: f64) {
        if self.alpha <= 0.0 {
            return;
        }
        let failed = f64::from(u8::from(self.threshold > 0.0 && value > self.threshold));
        if !self.is_begun {
            self.is_begun = true;
            self.mean = value;
            self.error_rate = failed;
            return;
        }
        let difference = value - self.mean;
        let step = self.alpha * difference;
        self.mean += step;
        self.variance = (1.0 - self.alpha) * (self.variance + difference * step);
        self.error_rate += self.alpha * (failed - self.error_rate);
    }
}

/// What is counted.
struct Counts {
    hdr: Hdr<u64>,
    highest: u64,
    exceeds: u64,
    last: Option<MonoTime>,
    moving: Moving,
    held: usize,
}

impl Drop for Counts {
    fn drop(&mut self) {
        HELD.fetch_sub(self.held, Ordering::Relaxed);
    }
}

impl Counts {
    fn new(lowest: u64, highest: u64, figures: u8, moving: Moving) -> Result<Self, Failure> {
        let wrong = || Failure::range_error("ERR_OUT_OF_RANGE", "the histogram's bounds");
        let highest = highest.min(u64::MAX >> 1);
        // Buckets double in range, each of as many counters as the figures need.
        let per_bucket = 10_usize.pow(u32::from(figures.clamp(1, 5))) * 4;
        let buckets = usize::try_from(64 - highest.leading_zeros()).unwrap_or(64);
        let held = per_bucket.saturating_mul(buckets).saturating_mul(8);
        if HELD.fetch_add(held, Ordering::Relaxed) > ROOM {
            HELD.fetch_sub(held, Ordering::Relaxed);
            return Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "there is no room for another histogram",
            ));
        }
        let hdr = Hdr::new_with_bounds(lowest.max(1), highest, figures).map_err(|_| {
            HELD.fetch_sub(held, Ordering::Relaxed);
            wrong()
        })?;
        Ok(Self {
            hdr,
            highest,
            exceeds: 0,
            last: None,
            moving,
            held,
        })
    }

    fn record(&mut self, value: u64) {
        if value > self.highest || self.hdr.record(value).is_err() {
            self.exceeds = self.exceeds.saturating_add(1);
        }
        self.moving.note(real(value));
    }

    fn min(&self) -> u64 {
        if self.hdr.is_empty() {
            u64::MAX >> 1
        } else {
            self.hdr.min()
        }
    }

    /// The moment about the mean of this power, divided by the deviation's.
    fn moment(&self, power: i32) -> f64 {
        let mean = self.hdr.mean();
        let steps = self.hdr.iter_recorded().map(|step| {
            let middle = real(self.hdr.median_equivalent(step.value_iterated_to()));
            (middle - mean).powi(power) * real(step.count_at_value())
        });
        steps.sum::<f64>() / real(self.hdr.len())
    }

    /// The third standardized moment; 0 of fewer than three values, or equal ones.
    fn skewness(&self) -> f64 {
        let variance = self.moment(2);
        if self.hdr.len() < 3 || variance == 0.0 {
            return 0.0;
        }
        self.moment(3) / variance.powf(1.5)
    }

    /// How far the fourth is above a normal distribution's; 0 of fewer than four values, or equal ones.
    fn kurtosis(&self) -> f64 {
        let variance = self.moment(2);
        if self.hdr.len() < 4 || variance == 0.0 {
            return 0.0;
        }
        self.moment(4) / (variance * variance) - 3.0
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "JavaScript has no other numbers"
)]
const fn real(number: u64) -> f64 {
    number as f64
}

/// A histogram: the same for all JavaScript objects it travelled to.
type Shared = Arc<Mutex<Counts>>;

/// The Rust side of a `Histogram`.
pub(super) struct Histogram {
    counts: Shared,
    /// Of one that measures the loop's delay: the resolution, and the running interval.
    resolution_ms: Option<u64>,
    alarm: Cell<Option<AlarmId>>,
}

impl Native for Histogram {
    fn transfer_mode(&self) -> u32 {
        transfer::CLONEABLE
    }

    fn clone_data(&self, _scope: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        Some(Box::new(Travelling(Arc::clone(&self.counts))))
    }
}

/// A histogram on its way in a message.
struct Travelling(Shared);

impl TransferData for Travelling {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        wrap(scope, self.0, None)
    }
}

/// A JavaScript object over a histogram.
fn wrap<'s>(
    scope: &mut Scope<'s, '_>,
    counts: Shared,
    resolution_ms: Option<u64>,
) -> Result<Object<'s>, Failure> {
    // The constructor makes a histogram of its own; the smallest, as it goes at once.
    let smallest = [1.0, 2.0, 1.0].map(|number| scope.number(number));
    let object = new_instance(scope, &HISTOGRAM, &smallest)?;
    let native = Rc::new(Histogram {
        counts,
        resolution_ms,
        alarm: Cell::new(None),
    });
    attach(scope, object, native);
    Ok(object)
}

/// A number or a `BigInt`.
fn whole(value: Value<'_>) -> Result<u64, Failure> {
    if let Ok(big) = v8::Local::<v8::BigInt>::try_from(value) {
        return match big.u64_value() {
            (number, true) if number <= u64::MAX >> 1 => Ok(number),
            _ => Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "value is out of range",
            )),
        };
    }
    let number = v8::Local::<v8::Number>::try_from(value)
        .map_err(|_| Failure::type_error("ERR_INVALID_ARG_TYPE", "value must be a number"))?
        .value();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; NaN is 0"
    )]
    let whole = number as u64;
    Ok(whole)
}

fn lock(counts: &Shared) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `new Histogram(lowest, highest, figures, halfLife, threshold)`.
fn new_histogram<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (lowest, highest) = (whole(args.get(0))?, whole(args.get(1))?);
    let figures = u8::try_from(args.u32(scope, 2)?).unwrap_or(3);
    let half_life = args.f64(3).unwrap_or(0.0);
    let moving = Moving {
        alpha: if half_life > 0.0 {
            1.0 - (-std::f64::consts::LN_2 / half_life).exp()
        } else {
            0.0
        },
        threshold: args.f64(4).unwrap_or(0.0),
        ..Moving::default()
    };
    let counts = Counts::new(lowest, highest, figures, moving)?;
    let native = Rc::new(Histogram {
        counts: Arc::new(Mutex::new(counts)),
        resolution_ms: None,
        alarm: Cell::new(None),
    });
    attach(scope, args.this(), native);
    Ok(().into())
}

/// `createELDHistogram(resolution, samplePerIteration)`: measures how late the loop is.
pub(super) fn create_eld_histogram<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let resolution = u64::from(args.u32(scope, 0)?.max(1));
    // One hour is the longest delay that is told apart.
    let counts = Counts::new(1, 3_600_000_000_000, 3, Moving::default())?;
    let shared = Arc::new(Mutex::new(counts));
    wrap(scope, shared, Some(resolution)).map(Into::into)
}

/// `start()`: begins to measure the loop.
fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let Some(resolution_ms) = native.resolution_ms else {
        return Err(Failure::type_error(
            "ERR_INVALID_THIS",
            "this histogram measures no loop",
        ));
    };
    let env = scope.env();
    lock(&native.counts).last = Some(env.clock().now());
    disarm(&env, &native);
    arm(&env, &native, Duration::from_millis(resolution_ms));
    Ok(().into())
}

/// Measures once, after `every`, and again.
fn arm(env: &Environment, native: &Rc<Histogram>, every: Duration) {
    let weak = Rc::downgrade(native);
    let id = env.event_loop().timers().set_alarm(every, move |scope| {
        if let Some(native) = weak.upgrade() {
            let env = scope.env();
            delta(&mut lock(&native.counts), env.clock().now());
            arm(&env, &native, every);
        }
    });
    native.alarm.set(Some(id));
}

fn disarm(env: &Environment, native: &Histogram) {
    if let Some(id) = native.alarm.take() {
        env.event_loop().timers().cancel_alarm(id);
    }
}

fn stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    disarm(&scope.env(), &native);
    Ok(().into())
}

/// Records the time since the last one.
fn delta(counts: &mut Counts, now: MonoTime) {
    if let Some(last) = counts.last.replace(now) {
        let nanoseconds = now.duration_since(last).as_nanos();
        counts.record(u64::try_from(nanoseconds).unwrap_or(u64::MAX >> 1).max(1));
    }
}

macro_rules! numbers {
    ($($name:ident, $big:ident => $read:expr;)*) => {
        $(
            fn $name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
                let native = args.native::<Histogram>(scope)?;
                let read: fn(&Counts) -> u64 = $read;
                let number = read(&lock(&native.counts));
                Ok(real(number).into())
            }

            fn $big<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
                let native = args.native::<Histogram>(scope)?;
                let read: fn(&Counts) -> u64 = $read;
                let number = read(&lock(&native.counts));
                Ok(v8::BigInt::new_from_u64(scope, number).into())
            }
        )*
    };
}

numbers! {
    count, count_big => |counts| counts.hdr.len();
    exceeds, exceeds_big => |counts| counts.exceeds;
    min, min_big => Counts::min;
    max, max_big => |counts| counts.hdr.max();
}

macro_rules! reals {
    ($($name:ident => $read:expr;)*) => {
        $(
            fn $name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
                let native = args.native::<Histogram>(scope)?;
                let read: fn(&Counts) -> f64 = $read;
                let number = read(&lock(&native.counts));
                Ok(number.into())
            }
        )*
    };
}

reals! {
    mean => |counts| if counts.hdr.is_empty() { f64::NAN } else { counts.hdr.mean() };
    stddev => |counts| if counts.hdr.is_empty() { f64::NAN } else { counts.hdr.stdev() };
    skewness => |counts| counts.skewness();
    kurtosis => |counts| counts.kurtosis();
    ewma_mean => |counts| counts.moving.mean;
    ewma_stddev => |counts| counts.moving.variance.sqrt();
    ewma_error_rate => |counts| counts.moving.error_rate;
}

fn cdf<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let counts = lock(&native.counts);
    if counts.hdr.is_empty() {
        return Ok(0.0.into());
    }
    Ok(counts.hdr.quantile_below(whole(args.get(0))?).into())
}

fn count_at<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let count = lock(&native.counts).hdr.count_at(whole(args.get(0))?);
    Ok(real(count).into())
}

fn at_percentile(args: &Args<'_>, native: &Histogram) -> Result<u64, Failure> {
    let percentile = args.f64(0)?;
    Ok(lock(&native.counts).hdr.value_at_percentile(percentile))
}

fn percentile<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    Ok(real(at_percentile(args, &native)?).into())
}

fn percentile_big<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let value = at_percentile(args, &native)?;
    Ok(v8::BigInt::new_from_u64(scope, value).into())
}

/// Fills a map from percentiles to values.
fn fill<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    value_of: fn(&Scope<'s, '_>, u64) -> Value<'s>,
) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let map = map_of(args, 0)?;
    let steps: Vec<(f64, u64)> = {
        let counts = lock(&native.counts);
        counts
            .hdr
            .iter_quantiles(1)
            .map(|step| {
                (
                    step.quantile_iterated_to() * 100.0,
                    step.value_iterated_to(),
                )
            })
            .collect()
    };
    for (percentile, value) in steps {
        let value = value_of(scope, value);
        map.set(scope, scope.number(percentile), value)
            .ok_or(Failure::Pending)?;
    }
    Ok(().into())
}

fn map_of<'s>(args: &Args<'s>, index: usize) -> Result<v8::Local<'s, v8::Map>, Failure> {
    v8::Local::<v8::Map>::try_from(args.get(index))
        .map_err(|_| Failure::type_error("ERR_INVALID_ARG_TYPE", "a Map is wanted"))
}

fn percentiles<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    fill(scope, args, |scope, value| scope.number(real(value)))
}

fn percentiles_big<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    fill(scope, args, |scope, value| {
        v8::BigInt::new_from_u64(scope, value).into()
    })
}

/// `percentilesAt(map, Float64Array)`.
fn percentiles_at<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let map = map_of(args, 0)?;
    let wanted = args.object(1)?;
    let length = scope.get_property(wanted, "length")?;
    for index in 0..length.uint32_value(scope).unwrap_or(0) {
        let percentile = wanted.get_index(scope, index).ok_or(Failure::Pending)?;
        let number = percentile.number_value(scope).unwrap_or(0.0);
        let value = lock(&native.counts).hdr.value_at_percentile(number);
        map.set(scope, percentile, scope.number(real(value)))
            .ok_or(Failure::Pending)?;
    }
    Ok(().into())
}

/// How many steps a list of buckets may have.
const MAX_BUCKETS: usize = 1 << 20;

fn set_buckets<'s>(
    scope: &mut Scope<'s, '_>,
    map: v8::Local<'s, v8::Map>,
    steps: Vec<(u64, u64)>,
) -> BindingResult<'s> {
    for (value, count) in steps {
        map.set(scope, scope.number(real(value)), scope.number(real(count)))
            .ok_or(Failure::Pending)?;
    }
    Ok(().into())
}

fn linear_buckets<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let (step, map) = (whole(args.get(0))?.max(1), map_of(args, 1)?);
    let steps = lock(&native.counts)
        .hdr
        .iter_linear(step)
        .take(MAX_BUCKETS)
        .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
        .collect();
    set_buckets(scope, map, steps)
}

fn log_buckets<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let (first, base, map) = (whole(args.get(0))?.max(1), args.f64(1)?, map_of(args, 2)?);
    if base <= 1.0 {
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", "base must be > 1"));
    }
    let steps = lock(&native.counts)
        .hdr
        .iter_log(first, base)
        .take(MAX_BUCKETS)
        .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
        .collect();
    set_buckets(scope, map, steps)
}

/// Values with their counts, of this histogram and of the one in argument 0.
fn both<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> Result<[Vec<(u64, u64)>; 2], Failure> {
    let own = args.native::<Histogram>(scope)?;
    let other = other(scope, args)?;
    Ok([own, other].map(|native| {
        lock(&native.counts)
            .hdr
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect()
    }))
}

fn other<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<Histogram>, Failure> {
    crate::glue::native_of::<Histogram>(scope, args.object(0)?)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "a histogram is wanted"))
}

fn total(values: &[(u64, u64)]) -> f64 {
    values.iter().map(|(_, count)| real(*count)).sum()
}

/// The largest distance between the two distribution functions.
fn ks_test<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let [one, two] = both(scope, args)?;
    let (all_one, all_two) = (total(&one), total(&two));
    if all_one == 0.0 || all_two == 0.0 {
        return Ok(0.0.into());
    }
    let mut values: Vec<u64> = one.iter().chain(&two).map(|(value, _)| *value).collect();
    values.sort_unstable();
    values.dedup();
    let (mut at_one, mut at_two) = (one.iter().peekable(), two.iter().peekable());
    let (mut sum_one, mut sum_two, mut largest) = (0.0, 0.0, 0.0_f64);
    for value in values {
        while let Some((_, count)) = at_one.next_if(|(known, _)| *known <= value) {
            sum_one += real(*count);
        }
        while let Some((_, count)) = at_two.next_if(|(known, _)| *known <= value) {
            sum_two += real(*count);
        }
        largest = largest.max((sum_one / all_one - sum_two / all_two).abs());
    }
    Ok(largest.into())
}

fn cohens_d<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let [one, two] = both(scope, args)?;
    let spread = |values: &[(u64, u64)]| {
        let all = total(values);
        let mean = values
            .iter()
            .map(|(value, count)| real(*value) * real(*count))
            .sum::<f64>()
            / all;
        let squares: f64 = values
            .iter()
            .map(|(value, count)| (real(*value) - mean).powi(2) * real(*count))
            .sum();
        (all, mean, squares)
    };
    let ((n_one, mean_one, squares_one), (n_two, mean_two, squares_two)) =
        (spread(&one), spread(&two));
    if n_one + n_two <= 2.0 || n_one == 0.0 || n_two == 0.0 {
        return Ok(0.0.into());
    }
    let pooled = ((squares_one + squares_two) / (n_one + n_two - 2.0)).sqrt();
    Ok(if pooled == 0.0 {
        0.0
    } else {
        (mean_one - mean_two) / pooled
    }
    .into())
}

/// How much more often a value of this one is larger than one of the other than the reverse.
fn cliffs_d<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let [one, two] = both(scope, args)?;
    let (all_one, all_two) = (total(&one), total(&two));
    if all_one == 0.0 || all_two == 0.0 {
        return Ok(0.0.into());
    }
    let mut below = 0.0;
    let mut difference = 0.0;
    let mut others = two.iter().peekable();
    for (value, count) in &one {
        while let Some((_, count)) = others.next_if(|(known, _)| known < value) {
            below += real(*count);
        }
        let equal = others
            .peek()
            .filter(|(known, _)| known == value)
            .map_or(0.0, |(_, count)| real(*count));
        difference += real(*count) * (below - (all_two - below - equal));
    }
    Ok((difference / (all_one * all_two)).into())
}

fn record<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let value = whole(args.get(0))?;
    if value == 0 {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "value is out of range",
        ));
    }
    lock(&native.counts).record(value);
    Ok(().into())
}

fn record_delta<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let now = scope.env().clock().now();
    let mut counts = lock(&native.counts);
    if counts.last.is_none() {
        counts.last = Some(now);
    } else {
        delta(&mut counts, now);
    }
    Ok(().into())
}

fn record_corrected<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let (value, interval) = (whole(args.get(0))?, whole(args.get(1))?);
    // Every missed interval is recorded, too.
    const MAX_STEPS: u64 = 10_000_000;
    if interval == 0 || value / interval > MAX_STEPS {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "expectedInterval is out of range",
        ));
    }
    let mut counts = lock(&native.counts);
    if value > counts.highest || counts.hdr.record_correct(value, interval).is_err() {
        counts.exceeds = counts.exceeds.saturating_add(1);
    }
    Ok(().into())
}

fn add<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let (copy, exceeds) = copy_of(scope, args)?;
    let mut counts = lock(&native.counts);
    if counts.hdr.add(&copy).is_err() {
        counts.exceeds = counts.exceeds.saturating_add(copy.len());
    }
    counts.exceeds = counts.exceeds.saturating_add(exceeds);
    Ok(().into())
}

fn subtract<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let (copy, exceeds) = copy_of(scope, args)?;
    let mut counts = lock(&native.counts);
    // Of each value as many as there are, and no more.
    let mut less = copy.clone();
    less.reset();
    for step in copy.iter_recorded() {
        let value = step.value_iterated_to();
        let count = step.count_at_value().min(counts.hdr.count_at(value));
        less.record_n(value, count).map_err(|_| out_of_range())?;
    }
    counts.hdr.subtract(&less).map_err(|_| out_of_range())?;
    counts.exceeds = counts.exceeds.saturating_sub(exceeds);
    Ok(().into())
}

fn out_of_range() -> Failure {
    Failure::range_error(
        "ERR_OUT_OF_RANGE",
        "the other histogram has values that this one cannot hold",
    )
}

/// A copy, so that two locks are never held: it may be the same histogram.
fn copy_of<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<(Hdr<u64>, u64), Failure> {
    let other = other(scope, args)?;
    let counts = lock(&other.counts);
    Ok((counts.hdr.clone(), counts.exceeds))
}

fn reset<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let native = args.native::<Histogram>(scope)?;
    let mut counts = lock(&native.counts);
    counts.hdr.reset();
    counts.exceeds = 0;
    counts.last = None;
    counts.moving = Moving {
        alpha: counts.moving.alpha,
        threshold: counts.moving.threshold,
        ..Moving::default()
    };
    Ok(().into())
}

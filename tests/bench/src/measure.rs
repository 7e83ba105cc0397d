//! Taking samples: medians of alternating measurements, so that what disturbs one side disturbs the other.

use std::time::Duration;

/// What was measured of one row: the median of either side, or why there is none.
pub(crate) type Measured = Result<Pair, String>;

/// Medians of the two sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) machine: Duration,
    pub(crate) host: Duration,
}

impl Pair {
    /// Tells how many times faster the machine was: above one is faster than the host.
    pub(crate) fn speed(&self) -> f64 {
        self.host.as_secs_f64() / self.machine.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Runs both sides `samples` times, alternating, after one run of each that does not count.
///
/// # Errors
/// What a side says when it fails.
pub(crate) fn alternate(
    samples: usize,
    mut machine: impl FnMut() -> Result<Duration, String>,
    mut host: impl FnMut() -> Result<Duration, String>,
) -> Measured {
    machine()?;
    host()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        ours.push(machine()?);
        theirs.push(host()?);
    }
    Ok(Pair {
        machine: median(&mut ours),
        host: median(&mut theirs),
    })
}

/// Returns the middle value; zero of nothing.
pub(crate) fn median(samples: &mut [Duration]) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_value_in_any_order() {
        let mut samples = [30, 10, 20].map(Duration::from_millis);
        assert_eq!(median(&mut samples), Duration::from_millis(20));
        assert_eq!(median(&mut []), Duration::ZERO);
    }

    #[test]
    fn first_run_of_either_side_does_not_count() {
        let mut runs = 0;
        let pair = alternate(
            3,
            || {
                runs += 1;
                Ok(Duration::from_millis(if runs == 1 { 500 } else { 10 }))
            },
            || Ok(Duration::from_millis(40)),
        )
        .unwrap();
        assert_eq!(runs, 4);
        assert!((pair.speed() - 4.0).abs() < 1e-9, "{}", pair.speed());
    }
}

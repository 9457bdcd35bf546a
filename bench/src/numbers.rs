//! Durations and counts as the report needs them: percentiles, shares, text.
//! Never an average where a percentile is meant.

use std::time::Duration;

/// Durations, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distribution(Vec<Duration>);

impl Distribution {
    /// Of these durations, in any order.
    pub(crate) fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<Duration> = durations.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// The smallest duration that at least `percent` of all do not exceed (nearest rank); none of nothing.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

/// A count as a number to calculate with; counts of a run are far below the limit.
pub(crate) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A count of things in memory as a number.
pub(crate) fn count(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

/// `part` for each of `whole`; nothing for nothing.
pub(crate) fn each(part: f64, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part / count(whole) }
}

/// Milliseconds with one decimal.
pub(crate) fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "–".to_string(), |duration| format!("{:.1}", duration.as_secs_f64() * 1e3))
}

/// The middle one of some numbers, or the mean of the two in the middle.
pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted.get(middle).copied();
    }
    let (low, high) = (sorted.get(middle.checked_sub(1)?)?, sorted.get(middle)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Distribution {
        Distribution::of(milliseconds.into_iter().map(Duration::from_millis))
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred = of((1..=100).rev());
        for percent in [1, 50, 95, 99, 100] {
            let expected = u64::try_from(percent).expect("small");
            assert_eq!(hundred.percentile(percent), Some(Duration::from_millis(expected)), "p{percent}");
        }
        let four = of([40, 10, 30, 20]);
        assert_eq!(four.percentile(50), Some(Duration::from_millis(20)));
        assert_eq!(four.percentile(51), Some(Duration::from_millis(30)));
        assert_eq!(four.percentile(99), Some(Duration::from_millis(40)));
    }

    #[test]
    fn of_one_every_percentile_is_it_and_of_none_there_is_none() {
        assert_eq!(of([7]).percentile(1), of([7]).percentile(99));
        assert_eq!(of([7]).percentile(50), Some(Duration::from_millis(7)));
        assert_eq!(of([]).percentile(50), None);
        assert_eq!(milliseconds(of([]).percentile(50)), "–");
        assert_eq!(milliseconds(Some(Duration::from_micros(1_250))), "1.2");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn nothing_shared_by_none_is_nothing() {
        assert!(each(5.0, 0).abs() < f64::EPSILON);
        assert!((each(5.0, 2) - 2.5).abs() < f64::EPSILON);
    }
}

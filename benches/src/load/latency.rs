//! How long messages take, counted in buckets.

use std::time::Duration;

/// Buckets for each power of two: so many times finer than a factor of two are the spans that are told apart.
const FINE: u64 = 32;
const FINE_BITS: u32 = FINE.ilog2();
/// Spans of up to 2^64 ns, with one row for those below `FINE` ns.
const BUCKETS: usize = (64 - FINE_BITS as usize + 1) * FINE as usize;

/// Spans, none of which is off by more than 3 %.
#[derive(Debug)]
pub(crate) struct Latency {
    buckets: Box<[u64]>,
    count: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0 }
    }
}

impl Latency {
    pub(crate) fn record(&mut self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        self.count = 0;
    }

    /// The span that this share of all did not exceed; zero of none.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return Duration::from_nanos(longest(index));
            }
        }
        Duration::ZERO
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < FINE {
        return nanos as usize;
    }
    let doublings = nanos.ilog2() - FINE_BITS;
    let within = (nanos >> doublings) - FINE;
    ((u64::from(doublings) + 1) * FINE + within) as usize
}

/// The longest span of a bucket.
fn longest(bucket: usize) -> u64 {
    let (row, within) = (bucket as u64 / FINE, bucket as u64 % FINE);
    match row {
        0 => within,
        _ => (((u128::from(FINE + within) + 1) << (row - 1)) - 1) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_is_in_a_bucket_that_is_a_little_longer_at_most() {
        for bits in 0..64 {
            for nanos in [1 << bits, (1 << bits) + (1 << bits) / 3, u64::MAX >> (63 - bits)] {
                let longest = longest(bucket(nanos));
                assert!(longest >= nanos && longest - nanos <= nanos / FINE, "{nanos} is in {longest}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_quantile_is_the_span_that_so_many_did_not_exceed() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), Duration::ZERO);
        (1..=30).for_each(|nanos| latency.record(Duration::from_nanos(nanos)));
        let quantiles = [0.0, 0.5, 0.9, 1.0].map(|share| latency.quantile(share).as_nanos());
        assert_eq!(quantiles, [1, 15, 27, 30]);
        latency.clear();
        assert_eq!(latency.quantile(1.0), Duration::ZERO);
    }
}

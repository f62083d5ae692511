//! Log lines that strangers can cause: a flood of connections must not be a flood of log.

use std::time::Duration;

use mqtt_session::Time;

/// The least time between two lines for the same cause.
const PAUSE: Duration = Duration::from_secs(1);

/// When a line for one cause was last written, and how often it was due since.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    next: Time,
    unsaid: u64,
}

impl Seldom {
    /// Whether to write a line now; if so, how many were left out before it.
    pub(super) fn speak(&mut self, now: Time) -> Option<u64> {
        if now < self.next {
            self.unsaid += 1;
            return None;
        }
        self.next = now.after(PAUSE);
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// The same for each of a few causes.
#[derive(Debug)]
pub(super) struct SeldomEach<C>(Vec<(C, Seldom)>);

impl<C> Default for SeldomEach<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: PartialEq> SeldomEach<C> {
    pub(super) fn speak(&mut self, now: Time, cause: C) -> Option<u64> {
        let index = self.0.iter().position(|(known, _)| *known == cause).unwrap_or_else(|| {
            self.0.push((cause, Seldom::default()));
            self.0.len() - 1
        });
        self.0.get_mut(index)?.1.speak(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_second_that_counts_the_others() {
        let mut seldom = Seldom::default();
        let lines: Vec<_> =
            (0..25).map(|tenth| seldom.speak(Time::from_nanos(tenth * 100_000_000))).collect();
        let written: Vec<_> = lines.iter().flatten().collect();
        assert_eq!(written, [&0, &9, &9]);
    }
}

//! Who publishes to whom in each scenario.

use super::options::{Options, Scenario};

/// Who sends to whom.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) publishers: u32,
    pub(crate) subscribers: u32,
    /// How many subscribers receive each message.
    pub(crate) receivers: u32,
}

impl Shape {
    /// The scenarios without messages have the shape of pairs.
    pub(crate) fn new(options: &Options) -> Self {
        let pairs = options.pairs();
        match options.scenario {
            Scenario::Fanout => Self { publishers: 1, subscribers: pairs, receivers: pairs },
            Scenario::Fanin => Self { publishers: pairs, subscribers: 1, receivers: 1 },
            Scenario::Pairs | Scenario::Connect | Scenario::Idle | Scenario::Flood => {
                Self { publishers: pairs, subscribers: pairs, receivers: 1 }
            }
        }
    }

    /// Topic Filter of a subscriber, its first publisher and their number.
    pub(crate) fn subscription(&self, subscriber: u32) -> (String, u32, u32) {
        if self.publishers == self.subscribers {
            (topic(subscriber), subscriber, 1)
        } else if self.publishers == 1 {
            (topic(0), 0, 1)
        } else {
            ("load/+".to_owned(), 0, self.publishers)
        }
    }
}

/// The topic of a publisher; all have the same length.
pub(crate) fn topic(publisher: u32) -> String {
    format!("load/{publisher:05}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn each_scenario_has_its_shape() {
        let cases = [
            ("pairs", (3, 3, 1), ("load/00002", 2, 1)),
            ("fanout", (1, 3, 3), ("load/00000", 0, 1)),
            ("fanin", (3, 1, 1), ("load/+", 0, 3)),
        ];
        for (scenario, counts, (filter, first, publishers)) in cases {
            let shape = Shape::new(&Options::parse_from(["load", "--scenario", scenario, "--pairs", "3"]));
            assert_eq!((shape.publishers, shape.subscribers, shape.receivers), counts, "{scenario}");
            let last = shape.subscription(shape.subscribers - 1);
            assert_eq!(last, (filter.to_owned(), first, publishers), "{scenario}");
        }
    }
}

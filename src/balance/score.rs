//! Which of several workers a connection goes to, from what each of them has to do.
//!
//! Pure arithmetic over figures that others keep current. A figure that is missing, is no number or is negative
//! counts as nothing: a worker that has not reported yet is taken for an idle one. Where workers are equal, the
//! turn decides, which grows by one with each connection: so equals are served in a circle.

#![forbid(unsafe_code)]

/// What a worker has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Connections assigned to it.
    pub connections: f64,
    /// Requests that it is answering, and connections given to it whose first request it has not seen.
    pub in_flight: f64,
    /// How far its event loop is behind, in milliseconds.
    pub lag_ms: f64,
    /// In percent of one core.
    pub cpu_percent: f64,
    pub heap_used: f64,
    pub heap_total: f64,
}

/// What each part of a composite score counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// For each connection.
    pub connection: f64,
    /// For each percent of a core.
    pub cpu: f64,
    /// For a heap that is full.
    pub heap: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            connection: 10.0,
            cpu: 2.0,
            heap: 100.0,
        }
    }
}

/// How to choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strategy {
    /// One after the other.
    RoundRobin,
    /// The fewest connections.
    LeastConnections,
    /// The lowest score of connections, CPU and heap together.
    ResourceAware(Weights),
    /// The better of two drawn at random, by requests in flight and lag: one that is stale or wrong in its
    /// figures does not draw everybody.
    LeastLoaded,
}

impl Strategy {
    /// Chooses among `count` workers, or nothing where there is none. Asks for the figures of those alone that
    /// it compares.
    pub fn choose(
        &self,
        count: usize,
        figures: impl Fn(usize) -> Figures,
        turn: u64,
        random: &mut Random,
    ) -> Option<usize> {
        let first = (turn % count.max(1) as u64) as usize;
        match self {
            _ if count == 0 => None,
            Self::RoundRobin => Some(first),
            Self::LeastConnections => lowest(count, first, |index| figure(figures(index).connections)),
            Self::ResourceAware(weights) => lowest(count, first, |index| weights.score(&figures(index))),
            Self::LeastLoaded => Some(better_of_two(count, figures, random)),
        }
    }
}

impl Weights {
    /// Whether every weight is a number that can weigh something.
    pub fn are_sound(&self) -> bool {
        [self.connection, self.cpu, self.heap]
            .iter()
            .all(|weight| weight.is_finite() && *weight >= 0.0)
    }

    /// connections × their weight + CPU percent × its weight + the share of the heap in use × its weight
    pub fn score(&self, figures: &Figures) -> f64 {
        let total = figure(figures.heap_total);
        let heap = if total > 0.0 {
            figure(figures.heap_used / total)
        } else {
            0.0
        };
        weighed(figure(figures.connections), self.connection)
            + weighed(figure(figures.cpu_percent), self.cpu)
            + weighed(heap, self.heap)
    }
}

impl Figures {
    /// Requests in flight and milliseconds of lag, which weigh the same: a worker that is blocked falls behind
    /// everyone within as many milliseconds as others have requests.
    pub fn load(&self) -> f64 {
        figure(self.in_flight) + figure(self.lag_ms)
    }
}

fn figure(value: f64) -> f64 {
    // Of a number and none, this is the number.
    value.max(0.0)
}

/// What weighs nothing counts nothing, were there infinitely much of it.
fn weighed(value: f64, weight: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { value * weight }
}

/// The lowest of all, looked at in a circle from `first`.
fn lowest(count: usize, first: usize, score: impl Fn(usize) -> f64) -> Option<usize> {
    let circle = (first..count).chain(0..first);
    circle
        .map(|index| (index, score(index)))
        .reduce(|best, other| if other.1 < best.1 { other } else { best })
        .map(|(index, _)| index)
}

fn better_of_two(count: usize, figures: impl Fn(usize) -> Figures, random: &mut Random) -> usize {
    let one = random.below(count);
    if count == 1 {
        return one;
    }
    let mut other = random.below(count - 1);
    if other >= one {
        other += 1;
    }
    let rank = |index: usize| {
        let figures = figures(index);
        (figures.load(), figure(figures.connections))
    };
    if rank(other) < rank(one) { other } else { one }
}

/// Numbers that are spread evenly and follow from the seed (splitmix64): for choices, not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from zero up to, not with, the limit; zero where the limit is.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The upper half of a product spreads without the favour that a remainder shows to low numbers.
        ((u128::from(mixed) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Strategy;
    use super::*;
    use proptest::prelude::*;

    fn choose(strategy: Strategy, table: &[Figures], turn: u64, seed: u64) -> Option<usize> {
        strategy.choose(table.len(), |index| table[index], turn, &mut Random::new(seed))
    }

    fn with_connections(connections: &[f64]) -> Vec<Figures> {
        let row = |connections: &f64| Figures {
            connections: *connections,
            ..Figures::default()
        };
        connections.iter().map(row).collect()
    }

    const ALL: [Strategy; 4] = [
        Strategy::RoundRobin,
        Strategy::LeastConnections,
        Strategy::ResourceAware(Weights {
            connection: 10.0,
            cpu: 2.0,
            heap: 100.0,
        }),
        Strategy::LeastLoaded,
    ];

    #[test]
    fn there_is_nothing_to_choose_where_nobody_is() {
        for strategy in ALL {
            assert_eq!(choose(strategy, &[], 3, 1), None);
        }
    }

    #[test]
    fn round_robin_goes_in_a_circle() {
        let table = with_connections(&[9.0, 0.0, 5.0]);
        let chosen: Vec<_> = (0..6)
            .map(|turn| choose(Strategy::RoundRobin, &table, turn, 1))
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2].map(Some));
        assert_eq!(choose(Strategy::RoundRobin, &table, u64::MAX, 1), Some(0));
    }

    #[test]
    fn equals_are_served_in_a_circle() {
        let table = with_connections(&[1.0, 0.0, 0.0, 0.0]);
        let chosen = |turn| choose(Strategy::LeastConnections, &table, turn, 1);
        assert_eq!([0, 1, 2, 3, 4].map(chosen), [1, 1, 2, 3, 1].map(Some));
    }

    #[test]
    fn the_documented_formula_is_kept() {
        let figures = Figures {
            connections: 3.0,
            cpu_percent: 40.0,
            heap_used: 50.0,
            heap_total: 200.0,
            ..Figures::default()
        };
        assert_eq!(
            Weights::default().score(&figures),
            3.0 * 10.0 + 40.0 * 2.0 + 0.25 * 100.0
        );
    }

    #[test]
    fn what_is_missing_counts_as_nothing() {
        let broken = Figures {
            connections: -1.0,
            cpu_percent: f64::NAN,
            heap_used: 5.0,
            heap_total: f64::NAN,
            in_flight: f64::NAN,
            lag_ms: f64::NEG_INFINITY,
        };
        assert_eq!(Weights::default().score(&broken), 0.0);
        assert_eq!(broken.load(), 0.0);
        let full = Figures {
            heap_used: 5.0,
            ..Figures::default()
        };
        assert_eq!(Weights::default().score(&full), 0.0);
    }

    #[test]
    fn what_weighs_nothing_counts_nothing() {
        let weights = Weights {
            cpu: 0.0,
            ..Weights::default()
        };
        let figures = Figures {
            cpu_percent: f64::INFINITY,
            ..Figures::default()
        };
        assert_eq!(weights.score(&figures), 0.0);
    }

    #[test]
    fn weights_that_cannot_weigh_are_not_sound() {
        assert!(Weights::default().are_sound());
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            let weights = Weights {
                heap: wrong,
                ..Weights::default()
            };
            assert!(!weights.are_sound());
        }
    }

    #[test]
    fn a_blocked_worker_gets_nothing_while_another_is_idle() {
        let mut table = [Figures::default(); 2];
        table[1].lag_ms = 12.0;
        for seed in 0..100 {
            assert_eq!(choose(Strategy::LeastLoaded, &table, 0, seed), Some(0));
        }
    }

    #[test]
    fn two_are_drawn_evenly() {
        let mut random = Random::new(7);
        let mut counts = [0u32; 4];
        for _ in 0..40_000 {
            counts[better_of_two(4, |_| Figures::default(), &mut random)] += 1;
        }
        for count in counts {
            assert!((9_500..10_500).contains(&count), "{counts:?}");
        }
    }

    fn any_figure() -> impl proptest::strategy::Strategy<Value = f64> {
        prop_oneof![
            4 => 0.0..300.0f64,
            1 => Just(f64::NAN),
            1 => Just(f64::INFINITY),
            1 => Just(-5.0),
            2 => Just(1.0),
        ]
    }

    prop_compose! {
        fn any_figures()(of in prop::array::uniform6(any_figure())) -> Figures {
            let [connections, in_flight, lag_ms, cpu_percent, heap_used, heap_total] = of;
            Figures { connections, in_flight, lag_ms, cpu_percent, heap_used, heap_total }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nobody_is_better_than_the_chosen(
            table in prop::collection::vec(any_figures(), 1..12), turn in any::<u64>(), seed in any::<u64>(),
        ) {
            let weights = Weights::default();
            let fewest = choose(Strategy::LeastConnections, &table, turn, seed).unwrap();
            let lowest = choose(Strategy::ResourceAware(weights), &table, turn, seed).unwrap();
            for other in &table {
                prop_assert!(figure(other.connections) >= figure(table[fewest].connections));
                prop_assert!(weights.score(other) >= weights.score(&table[lowest]));
            }
        }

        #[test]
        fn the_most_loaded_of_all_is_never_chosen(
            table in prop::collection::vec(any_figures(), 2..12), turn in any::<u64>(), seed in any::<u64>(),
        ) {
            let chosen = choose(Strategy::LeastLoaded, &table, turn, seed).unwrap();
            let others = table.iter().enumerate().filter(|(index, _)| *index != chosen);
            prop_assert!(others.into_iter().any(|(_, other)| other.load() >= table[chosen].load()));
        }

        #[test]
        fn the_same_seed_and_turn_choose_the_same(
            table in prop::collection::vec(any_figures(), 1..12), turn in any::<u64>(), seed in any::<u64>(),
        ) {
            for strategy in ALL {
                let chosen = choose(strategy, &table, turn, seed);
                prop_assert!(chosen.unwrap() < table.len());
                prop_assert_eq!(chosen, choose(strategy, &table, turn, seed));
            }
        }
    }
}

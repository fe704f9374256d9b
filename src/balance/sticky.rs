//! Whose connection it is, and which worker that visitor belongs to.
//!
//! Each worker weighs each visitor by a hash of both, and the heaviest has it (rendezvous hashing). So a worker that goes
//! moves its own visitors alone, and one that comes takes its share from all others. Nothing is kept: whoever asks gets the
//! same answer, in any process.

#![forbid(unsafe_code)]

use super::head::{self, Request};
use std::net::IpAddr;
use std::num::NonZeroU32;

/// What visitors are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    Address,
    Header(Box<str>),
    Cookie(Box<str>),
    Query(Box<str>),
}

/// A visitor, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(NonZeroU32);

impl Visitor {
    /// `ip`, or `header`, `cookie` or `query` with a name after a colon.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "ip" {
            return Some(Self::Address);
        }
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        match kind {
            "header" => Some(Self::Header(name.into())),
            "cookie" => Some(Self::Cookie(name.into())),
            "query" => Some(Self::Query(name.into())),
            _ => None,
        }
    }

    pub fn needs_head(&self) -> bool {
        *self != Self::Address
    }

    /// Who it is, by what was said and where it comes from. One that does not say what was asked for is its address;
    /// nothing where that is not known either.
    pub fn key(&self, head: &[u8], address: Option<IpAddr>) -> Option<Key> {
        let request = if self.needs_head() {
            head::salvage(head)
        } else {
            None
        };
        let said = request.as_ref().and_then(|request| self.said(request));
        said.map(Key::of)
            .or_else(|| address.map(|address| Key::of(address.to_canonical().to_string().as_bytes())))
    }

    fn said<'b>(&self, request: &Request<'b>) -> Option<&'b [u8]> {
        let found = match self {
            Self::Address => None,
            Self::Header(name) => request.header(name),
            Self::Cookie(name) => cookie(request, name),
            Self::Query(name) => query(request.target, name),
        };
        found.filter(|value| !value.is_empty())
    }
}

fn cookie<'b>(request: &Request<'b>, name: &str) -> Option<&'b [u8]> {
    let lists = request.headers.iter();
    let lists = lists.filter(|(header, _)| header.eq_ignore_ascii_case("cookie"));
    let mut pairs = lists.flat_map(|(_, list)| list.split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii)
    })
}

/// As it stands there: what is escaped stays so.
fn query<'b>(target: &'b str, name: &str) -> Option<&'b [u8]> {
    let (_, query) = target.split_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.as_bytes())
}

impl Key {
    pub fn of(bytes: &[u8]) -> Self {
        let start = 0xcbf2_9ce4_8422_2325_u64;
        let hash = bytes.iter().fold(start, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(NonZeroU32::new((mix(hash) >> 32) as u32).unwrap_or(NonZeroU32::MIN))
    }

    /// As it travels; zero stands for none.
    pub fn number(key: Option<Self>) -> u32 {
        key.map_or(0, |key| key.0.get())
    }

    pub fn from_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// How much that worker wants this visitor: no two workers want it the same.
    pub fn weight(self, worker: u32) -> u64 {
        mix(u64::from(self.0.get()) << 32 | u64::from(worker))
    }
}

/// Every bit of what comes out depends on every bit of what went in, and different words stay different (splitmix64).
fn mix(word: u64) -> u64 {
    let mut mixed = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The place of the worker, among these, that a visitor belongs to.
pub fn belongs(key: Key, workers: impl Iterator<Item = u32>) -> Option<usize> {
    let weighed = workers.map(|worker| key.weight(worker)).enumerate();
    weighed.max_by_key(|(_, weight)| *weight).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn key(by: &str, head: &str) -> Option<Key> {
        Visitor::parse(by).unwrap().key(head.as_bytes(), None)
    }

    #[test]
    fn what_visitors_are_told_apart_by_is_found_in_the_head() {
        let head = "GET /chat?a=1&sid=ann&sid=bob#sid=x HTTP/1.1\r\nHost: x\r\nX-User: eve \r\n\
                    Cookie: a=1; sid = ann\r\ncookie: other=zoe;sid=late\r\n\r\n";
        let of = |text: &str| Some(Key::of(text.as_bytes()));
        for (by, said) in [
            ("header:x-user", "eve"),
            ("cookie:sid", "ann"),
            ("cookie:other", "zoe"),
            ("query:sid", "ann"),
        ] {
            assert_eq!(key(by, head), of(said), "{by}");
        }
        for by in ["header:y", "cookie:si", "cookie:SID", "query:si", "query:x"] {
            assert_eq!(key(by, head), None, "{by}");
        }
    }

    #[test]
    fn who_does_not_say_it_is_its_address() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let by_address = Visitor::Address.key(b"", Some(address));
        assert!(by_address.is_some());
        assert_eq!(Visitor::Address.key(b"", Some(mapped)), by_address);
        let by = Visitor::parse("cookie:sid").unwrap();
        for head in ["", "\x16\x03\x01", "GET / HTTP/1.1\r\ncookie: sid=\r\n\r\n"] {
            assert_eq!(by.key(head.as_bytes(), Some(address)), by_address);
            assert_eq!(by.key(head.as_bytes(), None), None);
        }
    }

    #[test]
    fn what_is_none_of_these_is_refused() {
        for wrong in ["", "ip:", "IP", "header", "header:", ":x", "body:x", "cookies:x"] {
            assert_eq!(Visitor::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "so many visitors take Miri many minutes")]
    fn visitors_are_spread_evenly() {
        let mut counts = [0u32; 7];
        for visitor in 0..70_000 {
            let key = Key::of(format!("visitor-{visitor}").as_bytes());
            counts[belongs(key, 0..7).unwrap()] += 1;
        }
        for count in counts {
            assert!((9_500..10_500).contains(&count), "{counts:?}");
        }
    }

    /// Whom each visitor belongs to, found by looking at each pair.
    fn model(keys: &[Key], workers: &BTreeSet<u32>) -> BTreeMap<u32, u32> {
        let owner = |key: &Key| {
            let wants_most = |worker: &&u32| {
                let others = workers.iter().filter(|other| other != worker);
                others
                    .into_iter()
                    .all(|other| key.weight(**worker) > key.weight(*other))
            };
            workers.iter().find(wants_most).copied().unwrap()
        };
        keys.iter()
            .map(|key| (Key::number(Some(*key)), owner(key)))
            .collect()
    }

    fn owners(keys: &[Key], workers: &[u32]) -> BTreeMap<u32, u32> {
        keys.iter()
            .map(|key| {
                let place = belongs(*key, workers.iter().copied()).unwrap();
                (Key::number(Some(*key)), workers[place])
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_worker_that_goes_moves_its_own_visitors_alone(
            names in prop::collection::vec(any::<Vec<u8>>(), 1..60),
            set in prop::collection::btree_set(0u32..600, 2..12),
            gone in any::<prop::sample::Index>(), turned in any::<prop::sample::Index>(),
        ) {
            let keys: Vec<_> = names.iter().map(|name| Key::of(name)).collect();
            let mut workers: Vec<_> = set.iter().copied().collect();
            let before = owners(&keys, &workers);
            prop_assert_eq!(&before, &model(&keys, &set));
            // In any order.
            let middle = turned.index(workers.len());
            workers.rotate_left(middle);
            prop_assert_eq!(&before, &owners(&keys, &workers));
            let leaver = workers.remove(gone.index(workers.len()));
            for (visitor, after) in owners(&keys, &workers) {
                prop_assert!(before[&visitor] == leaver || before[&visitor] == after);
                prop_assert_ne!(after, leaver);
            }
        }

        #[test]
        fn heads_of_strangers_harm_nobody(head in any::<Vec<u8>>(), name in "[a-z]{0,3}") {
            for kind in ["header", "cookie", "query"] {
                if let Some(by) = Visitor::parse(&format!("{kind}:{name}")) {
                    by.key(&head, None);
                }
            }
        }
    }
}

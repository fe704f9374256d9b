//! Deaths of those who read copies: at each store of touching, carrying over and claiming a ring.

use super::*;
use crate::shm::layout::RINGS;
use crate::store::NearReader;

fn names(state: &State) -> Vec<String> {
    let name = |row: &(Vec<u8>, Vec<u8>, f64, f64, u64)| String::from_utf8_lossy(&row.0).into_owned();
    state.iter().map(name).collect()
}

/// A step of an operation: done on the cache, or by the one who reads it by way of copies.
type Act<'a> = &'a dyn Fn(&Cache, &mut NearReader);

fn read(name: &str) -> impl Fn(&Cache, &mut NearReader) + '_ {
    move |_, reader| {
        let (_, copied) = reader.get(key(name), NOW, &mut Vec::new()).unwrap();
        assert!(copied, "{name} was not read from a copy");
    }
}

/// Kills whoever reads copies and then changes something, at each store in turn. What is found must be what was there
/// after one of the steps, or that without the least recent entry, which had to make room first.
fn die_reading(max: u64, steps: &[Act]) {
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    let open = || {
        let cache = store.open("victim", &bounded(max)).unwrap();
        fill(&cache, 12);
        let mut reader = NearReader::open(&cache).unwrap().unwrap();
        for index in 0..12 {
            reader
                .get(key(&format!("key {index}")), NOW, &mut Vec::new())
                .unwrap();
        }
        (cache, reader)
    };
    let (cache, mut reader) = open();
    let mut stages = vec![state(&cache)];
    for step in steps {
        step(&cache, &mut reader);
        stages.push(state(&cache));
    }
    drop(reader);
    cache.destroy().unwrap();
    for n in 1.. {
        let (cache, mut reader) = open();
        let status = in_forked_child(|| {
            failpoint::arm(n);
            steps.iter().for_each(|step| step(&cache, &mut reader));
            failpoint::arm(0);
        })
        .unwrap();
        let killed = was_killed(&store, status, n);
        let found = state(&cache);
        assert!(
            stages
                .iter()
                .any(|stage| stage.starts_with(&found) && found.len() >= stage.len() - 1),
            "after a death at store {n} there is what no step left: {:?}",
            names(&found)
        );
        assert!(
            killed || Some(&found) == stages.last(),
            "not all was done although nothing killed it"
        );
        assert_eq!(store.usage().unwrap().recoveries, 0);
        // Whoever reads now by way of copies made before sees what is there.
        for index in 0..12 {
            let name = format!("key {index}");
            let mut out = Vec::new();
            let (tag, _) = reader.get(key(&name), NOW, &mut out).unwrap();
            let there = found.iter().find(|row| row.0 == name.as_bytes());
            assert_eq!(
                tag.map(|_| &out),
                there.map(|row| &row.1),
                "{name} after a death at store {n}"
            );
        }
        drop(reader);
        cache.destroy().unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("destroyed after a death at store {n}: {fault}"));
        if !killed {
            return assert!(n > 50);
        }
    }
}

#[test]
fn changes_after_reads_of_copies() {
    let (first, second, third) = (read("key 0"), read("key 7"), read("key 3"));
    let set = |name: &'static str, len| move |cache: &Cache, _: &mut NearReader| put(cache, name, len);
    die_reading(100, &[&first, &second, &set("key 7", 300), &third]);
    die_reading(100, &[&first, &second, &first, &set("new", 28)]);
    die_reading(12, &[&second, &set("new", 28), &third, &set("newer", 28)]);
    die_reading(
        100,
        &[
            &first,
            &third,
            &|cache, _| assert!(cache.delete(key("key 3"), NOW).unwrap()),
            &second,
        ],
    );
}

#[test]
fn many_touches_carried_over_at_once() {
    let reads: Vec<_> = (0..20).map(|index| format!("key {}", index * 5 % 12)).collect();
    let reads: Vec<_> = reads.iter().map(|name| read(name)).collect();
    let set = |cache: &Cache, _: &mut NearReader| put(cache, "key 4", 28);
    let mut steps: Vec<Act> = reads.iter().map(|step| step as Act).collect();
    steps.push(&set);
    die_reading(100, &steps);
}

fn rings_in_use(store: &Store) -> usize {
    let rings = (0..RINGS).filter_map(|ring| store.segment().ring(ring));
    rings.filter(|ring| ring.area.get() != 0).count()
}

#[test]
fn claiming_and_giving_back_a_ring() {
    let store = Store::create(&SegmentOptions { capacity: 4 << 20 }).unwrap();
    let cache = store.open("victim", &bounded(100)).unwrap();
    fill(&cache, 12);
    // The marks are laid out once.
    drop(NearReader::open(&cache).unwrap());
    for n in 1.. {
        let status = in_forked_child(|| {
            failpoint::arm(n);
            let mut reader = NearReader::open(&cache).unwrap().unwrap();
            (0..2).for_each(|_| {
                reader.get(key("key 5"), NOW, &mut Vec::new()).unwrap();
                reader.get(key("key 6"), NOW, &mut Vec::new()).unwrap();
            });
            drop(reader);
        })
        .unwrap();
        store
            .validate()
            .unwrap_or_else(|fault| panic!("after a death at store {n}: {fault}"));
        store.process_exited().unwrap();
        assert_eq!(rings_in_use(&store), 0, "after a death at store {n}");
        store
            .validate()
            .unwrap_or_else(|fault| panic!("taken back after a death at store {n}: {fault}"));
        let mut reader = NearReader::open(&cache).unwrap().unwrap();
        reader.get(key("key 1"), NOW, &mut Vec::new()).unwrap();
        reader.get(key("key 2"), NOW, &mut Vec::new()).unwrap();
        assert!(reader.get(key("key 1"), NOW, &mut Vec::new()).unwrap().1);
        assert_eq!(state(&cache)[0].0, b"key 1");
        if status == 0 {
            return assert!(n > 30);
        }
    }
}

//! A change of several words, beside those who look without the lock. Both are threads of their own: of the model’s own thread
//! loom tries fewer orders.

use loom::thread;

use crate::shm::journal::Journal;
use crate::shm::region::Region;
use crate::shm::word::{Word32, Word64};

/// An entry of two words, and the mark that counts its changes. Shared memory is never unmapped, and so not this.
struct Memory {
    journal: Journal,
    mark: Word32,
    key: Word32,
    value: Word64,
}

fn memory() -> &'static Memory {
    Box::leak(Box::new(Memory {
        journal: Journal::default(),
        mark: Word32::default(),
        key: Word32::default(),
        value: Word64::default(),
    }))
}

impl Memory {
    /// What the holder of the lock does.
    fn change(&'static self, number: u32) {
        let mut change = self.journal.begin(Region);
        change.count(&self.mark);
        change.set32(&self.key, number);
        change.set64(&self.value, u64::from(number));
        assert!(change.commit().is_ok());
    }

    /// What everyone else does. Nothing where it is not sure.
    fn glance(&self) -> Option<(u32, u64)> {
        let before = self.journal.sequence();
        if before & 1 == 1 {
            return None;
        }
        let seen = (self.key.get(), self.value.get());
        self.journal.unmoved(before).then_some(seen)
    }

    fn looks_whole(&self) {
        if let Some((key, value)) = self.glance() {
            assert_eq!(u64::from(key), value);
        }
    }
}

#[test]
fn a_glance_sees_all_of_a_change_or_nothing() {
    loom::model(|| {
        let memory = memory();
        let writer = thread::spawn(|| memory.change(1));
        let reader = thread::spawn(|| memory.looks_whole());
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(memory.glance(), Some((1, 1)));
    });
}

#[test]
fn a_glance_sees_one_of_two_changes_as_it_was() {
    loom::model(|| {
        let memory = memory();
        let writer = thread::spawn(|| {
            memory.change(1);
            memory.change(2);
        });
        let reader = thread::spawn(|| memory.looks_whole());
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn whoever_has_seen_a_change_sees_that_it_was_counted() {
    loom::model(|| {
        let memory = memory();
        let writer = thread::spawn(|| memory.change(1));
        let reader = thread::spawn(|| {
            if memory.glance() == Some((1, 1)) {
                assert_eq!(memory.mark.observe(), 1);
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

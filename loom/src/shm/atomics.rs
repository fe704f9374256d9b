//! loom’s atomics by the names of the standard library. loom takes a sequentially consistent access for one that acquires and
//! releases, and knows its fences: what is to be sequentially consistent stands between two of them. That is a little more
//! than the access itself, so an order that is too weak beside such an access is not found.

pub use loom::sync::atomic::{Ordering, fence};

use Ordering::{AcqRel, Acquire, Release, SeqCst};

fn fenced<R>(order: Ordering, weaker: Ordering, access: impl FnOnce(Ordering) -> R) -> R {
    if order != SeqCst {
        return access(order);
    }
    fence(SeqCst);
    let answer = access(weaker);
    fence(SeqCst);
    answer
}

macro_rules! atomic {
    ($name:ident, $number:ty) => {
        #[derive(Debug, Default)]
        pub struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "not every width needs every access")]
        impl $name {
            pub fn load(&self, order: Ordering) -> $number {
                fenced(order, Acquire, |order| self.0.load(order))
            }

            pub fn store(&self, value: $number, order: Ordering) {
                fenced(order, Release, |order| self.0.store(value, order))
            }

            pub fn fetch_add(&self, more: $number, order: Ordering) -> $number {
                fenced(order, AcqRel, |order| self.0.fetch_add(more, order))
            }

            pub fn swap(&self, value: $number, order: Ordering) -> $number {
                fenced(order, AcqRel, |order| self.0.swap(value, order))
            }

            pub fn fetch_update(
                &self,
                order: Ordering,
                _: Ordering,
                change: impl Fn($number) -> Option<$number>,
            ) -> Result<$number, $number> {
                fenced(order, AcqRel, |order| {
                    self.0.fetch_update(order, Acquire, &change)
                })
            }
        }
    };
}

atomic!(AtomicU16, u16);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);

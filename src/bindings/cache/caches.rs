//! The caches that a thread has open, each by a number. The table is borrowed around calls of the store alone.

use super::super::js::{Failure, Outcome, internal};
use crate::error::{Code, Error};
use crate::store::Cache;
use std::cell::RefCell;

struct Caches {
    open: RefCell<Vec<Option<Cache>>>,
    /// Numbers that are free again.
    vacant: RefCell<Vec<u32>>,
}

thread_local! {
    static CACHES: Caches = const {
        Caches {
            open: RefCell::new(Vec::new()),
            vacant: RefCell::new(Vec::new()),
        }
    };
}

/// Calls the store with a cache of this thread. No Node-API may be called in `operation`.
pub(super) fn with_cache<T>(
    id: u32,
    operation: impl FnOnce(&Cache) -> crate::error::Result<T>,
) -> Outcome<T> {
    CACHES.with(|caches| {
        let open = caches.open.borrow();
        let cache = open
            .get(id as usize)
            .and_then(Option::as_ref)
            .ok_or_else(closed)?;
        operation(cache).map_err(Failure::from)
    })
}

#[cold]
fn closed() -> Failure {
    Failure::from(Error::new(Code::Internal, "A cache was used after it was closed"))
}

pub(super) fn add_cache(cache: Cache) -> Outcome<u32> {
    CACHES.with(|caches| {
        let mut open = caches.open.borrow_mut();
        if let Some(id) = caches.vacant.borrow_mut().pop() {
            open[id as usize] = Some(cache);
            return Ok(id);
        }
        let id = u32::try_from(open.len()).map_err(|_| internal("Too many caches are open"))?;
        open.push(Some(cache));
        Ok(id)
    })
}

pub(super) fn remove_cache(id: u32) {
    CACHES.with(|caches| {
        let removed = caches
            .open
            .borrow_mut()
            .get_mut(id as usize)
            .and_then(Option::take);
        if removed.is_some() {
            caches.vacant.borrow_mut().push(id);
        }
    });
}

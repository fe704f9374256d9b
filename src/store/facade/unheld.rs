//! Reading while another process keeps the lock (`entries/unheld.rs`).

use crate::error::{Code, Error, Result};
use crate::store::entries::far::Far;
use crate::store::facade::cache::Cache;
use crate::store::ground::options::{GetOptions, HasOptions};
use crate::store::table::entry::Sought;

fn unless_sure<R>(error: Error, answer: impl FnOnce() -> Option<R>) -> Result<R> {
    if error.code == Code::LockHeld {
        answer().ok_or(error)
    } else {
        Err(error)
    }
}

impl Cache {
    /// What a `get` gives that could not have the lock.
    #[cold]
    pub(in crate::store) fn get_unheld(
        &self,
        error: Error,
        sought: &Sought,
        now: f64,
        options: &GetOptions,
        out: &mut Vec<u8>,
        far: &mut Far,
    ) -> Result<Option<u8>> {
        unless_sure(error, || {
            let seen = self
                .looker()
                .glance_anywhere(sought, now, options.allow_stale, out, far)?;
            self.looker().count_unheld(seen.is_some());
            if seen.is_some() {
                self.unmoved().add(sought);
            }
            Some(seen)
        })
    }

    /// What a `has` gives that could not have the lock.
    #[cold]
    pub(in crate::store) fn has_unheld(
        &self,
        error: Error,
        sought: &Sought,
        now: f64,
        options: &HasOptions,
    ) -> Result<bool> {
        unless_sure(error, || self.looker().glance_has_anywhere(sought, now, options))
    }
}

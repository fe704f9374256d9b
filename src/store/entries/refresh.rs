//! What a loader asks of an entry: whether it says that there is nothing, and whether its value is worth computing again
//! before it expires. Nothing is changed by either.

use crate::store::entries::Entries;
use crate::store::ground::held::remaining;
use crate::store::ground::stop::Step;
use crate::store::table::entry::Sought;
use crate::store::table::life::Life;

impl Entries<'_> {
    pub(in crate::store) fn is_refresh_due(
        &self,
        sought: &Sought,
        now: f64,
        beta: f64,
        random: f64,
    ) -> Step<bool> {
        let Some(found) = self.find_living(sought, now)? else {
            return Ok(false);
        };
        let (start, ttl) = (found.entry.start.get_f64(), found.entry.ttl.get_f64());
        let delta = self.record_of(found.id, found.entry, |record| record.delta())?;
        let delta = delta.unwrap_or(0.0);
        Ok(-beta * delta * random.ln() >= remaining(start, ttl, now))
    }

    /// Whether it is known that there is nothing under the key.
    pub(in crate::store) fn says_nothing(&self, sought: &Sought, now: f64) -> Step<bool> {
        match self.find(sought)? {
            Some(found) => Ok(self.life(found.id, found.entry, now)? == Life::Negative),
            None => Ok(false),
        }
    }
}

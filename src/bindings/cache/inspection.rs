//! What is under way, for people who look.

use super::super::js::{Arguments, Js, Outcome, Value};
use super::caches::with_cache;
use super::keys;

/// `cacheFlights(id)`: of each flight its key, its leader's process, the milliseconds that it has left, and how many follow, one
/// behind the other.
pub(super) fn flights<'call>(js: Js<'call>, arguments: &Arguments<'call, 1>) -> Outcome<Value<'call>> {
    let mut bytes = Vec::new();
    let flights = with_cache(js.index(arguments.at(0))?, |cache| cache.flights(&mut bytes))?;
    let array = js.make_array(4 * flights.len())?;
    let mut begin = 0;
    for (row, flight) in flights.iter().enumerate() {
        let key = bytes.get(begin..flight.key_end).unwrap_or_default();
        begin = flight.key_end;
        js.set_element(array, 4 * row, keys::make(js, flight.key_tag, key)?)?;
        let numbers = [
            f64::from(flight.leader),
            flight.left_ms,
            f64::from(flight.followers),
        ];
        for (at, number) in numbers.into_iter().enumerate() {
            js.set_element(array, 4 * row + 1 + at, js.make_number(number)?)?;
        }
    }
    Ok(array)
}

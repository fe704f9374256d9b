//! `constants()`: the numbers that JavaScript and this side have to agree on, each told by who means it. JavaScript
//! copies none.

use super::cache::{flight, reply, values};
use super::handoff;
use super::js::{Arguments, Js, Outcome, Value};
use super::tracing;
use crate::balance::carriers::handoff::SPOKEN_PLACES;
use crate::shm::meters::METER_PLACES;
use crate::store::{COPY_PLACES, MAX_TAG_LENGTH, MAX_TAGS, Options};

/// Numbers by their names.
pub(super) type Numbers = &'static [(&'static str, i32)];

const ALL: &[(&str, Numbers)] = &[
    ("reply", reply::PLACES),
    ("valueTags", values::TAGS),
    ("claimAnswers", flight::ANSWERS),
    ("claimModes", flight::MODES),
    ("flightEnds", flight::ENDS),
    ("copies", COPY_PLACES),
    ("flags", Options::FLAGS),
    ("leftOut", Options::LEFT_OUT),
    (
        "tags",
        &[("MOST", MAX_TAGS as i32), ("LONGEST", MAX_TAG_LENGTH as i32)],
    ),
    ("row", SPOKEN_PLACES),
    ("meter", METER_PLACES),
    ("taken", handoff::TAKEN),
    ("held", handoff::HELD),
    ("traced", tracing::PLACES),
];

pub(super) fn constants<'call>(js: Js<'call>, _: &Arguments<'call, 0>) -> Outcome<Value<'call>> {
    let all = js.make_object()?;
    for (name, numbers) in ALL {
        let group = js.make_object()?;
        for (name, number) in *numbers {
            js.set_property(group, name, js.make_number(f64::from(*number))?)?;
        }
        js.set_property(all, name, group)?;
    }
    Ok(all)
}

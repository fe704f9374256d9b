//! How an error of this crate reaches JavaScript: as a thrown `Error` whose `code` is the error's code.

use crate::error::{Code, Error};
use napi_derive::napi;

impl From<Error> for napi::Error<Code> {
    fn from(error: Error) -> Self {
        Self::new(error.code, error.message)
    }
}

/// One row of the native part of the error table.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct ErrorRow {
    pub code: &'static str,
    pub fault: &'static str,
    pub retry_can_help: bool,
}

/// The errors that native code can raise, for the test that compares them with the table in JavaScript.
#[napi(catch_unwind)]
pub fn error_table() -> Vec<ErrorRow> {
    let row = |code: &Code| ErrorRow {
        code: code.name(),
        fault: code.fault().name(),
        retry_can_help: code.retry_can_help(),
    };
    Code::ALL.iter().map(row).collect()
}

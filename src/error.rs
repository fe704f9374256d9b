//! The errors that native code can raise: one row each, with a stable code.
//!
//! The whole table of Flotilla's errors is JavaScript's (`lib/errors.js`, documented in `docs/errors.md`); this
//! is the part of it that Rust raises. A row says where the fault lies and whether trying again can help, and
//! must agree with the row of the same code there: a test loads the addon and compares them.

#![forbid(unsafe_code)]

use std::fmt;

/// Whose doing an error is: who has to act to make it go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The calling code passed something wrong, or called at the wrong time.
    Caller,
    /// The machine, its operating system or the installation.
    System,
    /// Flotilla itself: a bug, to be reported.
    Flotilla,
}

impl Fault {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::System => "system",
            Self::Flotilla => "flotilla",
        }
    }
}

/// Declares the codes once, so that the enum, its names and its list cannot drift apart.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $fault:ident, retry: $retry:literal;)+) => {
        /// What went wrong, as a value that outlives every rewording of its message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            pub const fn fault(self) -> Fault {
                match self { $(Self::$variant => Fault::$fault,)+ }
            }

            /// Whether the same call may succeed later, with nothing changed by the caller.
            pub const fn retry_can_help(self) -> bool {
                match self { $(Self::$variant => $retry,)+ }
            }
        }
    };
}

codes! {
    /// An argument has the wrong type or lies outside its range.
    InvalidArgument = "FLOTILLA_ERR_INVALID_ARGUMENT", Caller, retry: false;
    /// A namespace exists with other options than those now asked for.
    ConflictingOptions = "FLOTILLA_ERR_CONFLICTING_OPTIONS", Caller, retry: false;
    /// An entry's size is missing, is no positive integer, or is given where sizes are not counted.
    InvalidSize = "FLOTILLA_ERR_INVALID_SIZE", Caller, retry: false;
    /// A counter operation met a value that is no number.
    NotANumber = "FLOTILLA_ERR_NOT_A_NUMBER", Caller, retry: false;
    /// A key is longer than a key can be.
    KeyTooLarge = "FLOTILLA_ERR_KEY_TOO_LARGE", Caller, retry: false;
    /// An entry could not fit the segment even if it were alone in it.
    ValueTooLarge = "FLOTILLA_ERR_VALUE_TOO_LARGE", Caller, retry: false;
    /// The segment is full, and nothing in it can be evicted.
    OutOfMemory = "FLOTILLA_ERR_OUT_OF_MEMORY", System, retry: true;
    /// Another process has a lock of the segment and does not let it go.
    LockHeld = "FLOTILLA_ERR_LOCK_HELD", System, retry: true;
    /// As many namespaces exist as a segment can hold.
    TooManyNamespaces = "FLOTILLA_ERR_TOO_MANY_NAMESPACES", Caller, retry: false;
    /// The system gave no shared memory.
    SegmentUnavailable = "FLOTILLA_ERR_SEGMENT_UNAVAILABLE", System, retry: false;
    /// No way led to the segment of the primary.
    SegmentUnreachable = "FLOTILLA_ERR_SEGMENT_UNREACHABLE", System, retry: false;
    /// The segment was made by another version, or is none.
    SegmentMismatch = "FLOTILLA_ERR_SEGMENT_MISMATCH", Caller, retry: false;
    /// The segment is truncated or contradicts itself.
    SegmentDamaged = "FLOTILLA_ERR_SEGMENT_DAMAGED", System, retry: false;
    /// An invariant of Flotilla's own does not hold.
    Internal = "FLOTILLA_ERR_INTERNAL", Flotilla, retry: false;
}

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

/// A code, and the sentence that says what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: Code,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_is_unique_and_carries_the_prefix() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            let rest = name
                .strip_prefix("FLOTILLA_ERR_")
                .expect("a code starts with FLOTILLA_ERR_");
            assert!(rest.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{name}");
        }
    }

    #[test]
    fn an_error_shows_its_code_before_its_message() {
        let error = Error::new(Code::InvalidArgument, "max must be positive");
        assert_eq!(
            error.to_string(),
            "FLOTILLA_ERR_INVALID_ARGUMENT: max must be positive"
        );
    }
}

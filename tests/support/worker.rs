//! Worker processes for tests: the test binary itself, started again for one test that plays a role.
//!
//! A test file that uses this has a test named `worker`, which does nothing unless the environment gives it a role.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use flotilla::store::{Key, Options, Store, Value};

const ROLE: &str = "FLOTILLA_TEST_ROLE";
const SEGMENT: &str = "FLOTILLA_TEST_SEGMENT";

pub(crate) struct Worker {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(store: &Arc<Store>, role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["worker", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(SEGMENT, store.share().unwrap())
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Waits until the worker says a word.
    pub(crate) fn expect(&mut self, word: &str) {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if line.trim_end().ends_with(word) {
                return;
            }
            line.clear();
        }
        panic!(
            "the worker ended before it said {word:?}: {:?}",
            self.child.wait()
        );
    }

    pub(crate) fn kill(mut self) {
        assert_eq!(
            self.child.try_wait().unwrap(),
            None,
            "the worker had ended by itself"
        );
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[allow(dead_code, reason = "not every test file has workers that end by themselves")]
    pub(crate) fn finish(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A test that failed must not leave its workers running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The role this process was started for, and the segment it shares.
pub(crate) fn role() -> Option<(String, Arc<Store>)> {
    let role = std::env::var(ROLE).ok()?;
    let line = std::env::var(SEGMENT).ok()?;
    Some((role, Store::attach(&line).unwrap()))
}

pub(crate) fn key(text: &str) -> Key<'_> {
    Key {
        tag: 2,
        bytes: text.as_bytes(),
    }
}

pub(crate) fn value(bytes: &[u8]) -> Value<'_> {
    Value { tag: 3, bytes }
}

pub(crate) fn bounded(max: u64) -> Options {
    Options {
        max,
        ..Options::default()
    }
}

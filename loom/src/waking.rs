//! A worker that falls asleep, beside the front that lets it accept connections.

use loom::thread;

use crate::shm::permits::Permits;
use crate::shm::word::Word64;

/// The words of a worker that is awake, in memory that is never unmapped.
fn awake() -> Permits<'static> {
    let awake_since = Word64::default();
    awake_since.put(1);
    Permits {
        count: Box::leak(Box::default()),
        awake_since: Box::leak(Box::new(awake_since)),
    }
}

#[test]
fn a_worker_that_falls_asleep_is_told_of_a_permit_or_sees_it() {
    loom::model(|| {
        let leave = awake();
        let front = thread::spawn(move || leave.add());
        let worker = thread::spawn(move || leave.sleeps());
        let is_told = front.join().unwrap();
        let sees_it = worker.join().unwrap();
        assert!(sees_it || is_told);
    });
}

#[test]
fn a_permit_is_used_once_or_taken_back() {
    loom::model(|| {
        let leave = awake();
        leave.add();
        let worker = thread::spawn(move || leave.take());
        let front = thread::spawn(move || leave.revoke());
        let taken = worker.join().unwrap();
        let revoked = front.join().unwrap();
        assert_eq!(revoked + u64::from(taken), 1);
        assert_eq!(leave.left(), 0);
    });
}

#[test]
fn a_permit_that_is_put_back_is_not_lost() {
    loom::model(|| {
        let leave = awake();
        leave.add();
        let worker = thread::spawn(move || {
            if leave.take() {
                leave.put_back();
            }
        });
        let front = thread::spawn(move || leave.revoke());
        worker.join().unwrap();
        let revoked = front.join().unwrap();
        assert_eq!(revoked + leave.left(), 1);
    });
}

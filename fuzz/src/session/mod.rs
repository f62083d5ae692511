//! Sessions: a client and a server under any operations, and each role against a peer who may do anything.

// The operations, the model and the pair are those of the session's own tests.
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../../../mqtt-session/tests/session/common/mod.rs"]
mod common;
mod hostile;
#[path = "../../../mqtt-session/tests/session/operations.rs"]
mod operations;
#[path = "../../../mqtt-session/tests/session/reference.rs"]
mod reference;
mod victim;

use operations::{Op, Run, Setup};

pub use hostile::hostile;

/// Operations in one input: more than these say nothing new, and take long.
const OPERATIONS: usize = 500;

/// Finds a message of QoS 2 that comes twice, one of QoS 1 or 2 that is lost, first deliveries out of order, a repeated
/// PUBLISH without DUP, an application that is told what is not so, a side that blames the other, more in flight than
/// agreed, and sessions that do not come to rest.
///
/// The first byte says how the two begin, each two that follow an operation.
pub fn session(data: &[u8]) {
    let Some((setup, operations)) = data.split_first() else { return };
    let mut run = Run::new(Setup::of(*setup));
    for operation in operations.as_chunks::<2>().0.iter().take(OPERATIONS) {
        run.apply(Op::of(*operation));
    }
    run.settle();
}

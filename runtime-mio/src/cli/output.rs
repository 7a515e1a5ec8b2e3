//! Standard output as the process was given it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::fcntl_getfd;
use rustix::stdio::stdout;

use super::failure::{Failure, Outcome};

/// Whether it was closed when the process began.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Looks before the standard library opens `/dev/null` in the place of what is closed.
#[ctor::ctor(unsafe)]
fn look() {
    CLOSED.store(fcntl_getfd(stdout()).is_err(), Ordering::Relaxed);
}

/// Whether there is somewhere to answer to.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn check() -> Outcome {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(Failure::new("there is nowhere to answer to")
            .at("standard output is closed")
            .try_this("give it a place, as in '>/dev/null'"));
    }
    Ok(())
}

/// Whether it takes a line within `patience` without making who writes it wait: a pipe that nobody reads does not.
pub(crate) fn takes_a_line(patience: Duration) -> bool {
    let standard_output = io::stdout();
    let mut asked = [PollFd::new(&standard_output, PollFlags::OUT)];
    let patience =
        Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
    // Where it cannot be asked, writing tells.
    poll(&mut asked, Some(&patience)).map_or(true, |ready| ready > 0)
}

//! Ending a poll to the microsecond, where the poller's own timeouts are whole milliseconds.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// A timer that is a file, and so wakes whoever polls it.
pub(super) struct Alarm(OwnedFd);

impl Alarm {
    /// An alarm that wakes the poller of `registry` under `token`.
    ///
    /// # Errors
    /// The operating system has no descriptor left.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Alarm(timer))
    }

    /// Goes off once in `wait`, which is not zero, instead of when it was to before.
    ///
    /// # Errors
    /// As the operating system has it.
    pub(super) fn set(&self, wait: Duration) -> io::Result<()> {
        let once = Timespec::default();
        let wait = Timespec::try_from(wait).map_err(|_| io::ErrorKind::InvalidInput)?;
        let spec = Itimerspec { it_interval: once, it_value: wait };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &spec)?;
        Ok(())
    }
}

//! Telling machines what the clock on the wall shows.

use std::time::Duration;

use egoist_core::kernel::{Input, Time};

use crate::erase::MachineId;
use crate::host::{Alarm, Host};
use crate::net::Net;

/// How often it is said, whatever it shows.
const EACH: Duration = Duration::from_secs(60);
/// It was set, or the host was suspended, if it is so much off what it should show.
const STEP: Duration = Duration::from_millis(500);

/// What was said last, and when.
pub(crate) type Said = Option<(Time, Duration)>;

impl<N: Net> Host<N> {
    /// Says what the clock on the wall shows, if it is time for that or the clock was set.
    pub(crate) fn tell_wall_time(&mut self) {
        if !self.tells_wall_time {
            return;
        }
        let unix = self.net.wall_time();
        if self.wall_said.is_some_and(|(at, said)| is_known(self.now, at, said, unix)) {
            return;
        }
        self.wall_said = Some((self.now, unix));
        for id in 0..self.stations.len() {
            if self.stations[id].wall_time && !self.stations[id].done {
                self.tell(MachineId(id), Input::WallTime { unix });
            }
        }
        self.set_alarm(Alarm::WallTime, self.now + EACH);
    }
}

/// Whether `unix` is what who was told `said` at `at` expects now.
fn is_known(now: Time, at: Time, said: Duration, unix: Duration) -> bool {
    let passed = now.since(at);
    passed < EACH && unix.abs_diff(said + passed) < STEP
}

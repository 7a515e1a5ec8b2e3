//! Machines that end, and clocks on walls.

use core::time::Duration;

use super::chatter::{Do, Heard};
use super::laws::Pair;
use crate::kernel::{CloseHow, Closed, DialError, Time};
use crate::sim::{Condition, Config, Restart, address};

const SECOND: u64 = 1_000_000;

#[test]
fn a_machine_that_has_ended_is_told_nothing_and_takes_nobody() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.tell(1, Do::Close(b, CloseHow::Flush));
    pair.tell(1, Do::Done);
    let heard = pair.pass(20 * SECOND);
    assert!(heard.iter().all(|(_, node, _)| *node == 0), "{heard:?}");
    assert!(matches!(heard[..], [(_, 0, Heard::Closed(conn, Closed::ByPeer))] if conn == a), "{heard:?}");
    assert_eq!(pair.world.connections(), 0);
    pair.tell(0, Do::Dial(address(1), Time::MAX));
    let refused = pair.pass(20 * SECOND);
    assert!(matches!(refused[..], [(_, 0, Heard::DialFailed(_, DialError::Refused))]), "{refused:?}");
    assert_eq!(pair.world.condition(1), Condition::Running, "it can still be asked");
    pair.world.restart(1, Restart::Keeping);
    assert_eq!(pair.pass(0), [(0, 1, Heard::Started(2))]);
    pair.connect();
}

#[test]
fn a_clock_on_the_wall_is_told_when_it_is_set_and_each_minute() {
    let mut pair = Pair::new(Config::default());
    let first = pair.world.wall_time(0);
    assert_eq!(pair.pass(100 * SECOND), [], "nobody asked for it");
    assert_eq!(pair.world.wall_time(0), first + Duration::from_secs(100));
    pair.world.set_wall_time(0, Duration::from_secs(5_000));
    let told = |after: u64, unix| (after * SECOND, 0, Heard::WallTime(unix));
    assert_eq!(pair.pass(119 * SECOND), [told(0, 5_000), told(60, 5_060)]);
    pair.world.set_wall_time(0, Duration::from_secs(7));
    assert_eq!(pair.pass(61 * SECOND), [told(0, 7), told(60, 67)], "once for each time it is set");
}

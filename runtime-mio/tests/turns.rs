//! How long the turns of a loop take.
#![cfg(target_os = "linux")]

use std::thread::sleep;
use std::time::Duration;

use egoist_mio::{Driver, LongestTurn};
use rustix::time::{ClockId, clock_gettime};

const LONG: Duration = Duration::from_millis(30);

fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// The longest turns of a loop in one of which this was done.
fn longest(job: impl FnOnce() + 'static) -> LongestTurn {
    let mut driver = Driver::new().unwrap();
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(driver.longest_turn(), None, "it has not ended");
    driver.after(Duration::ZERO, |host| {
        job();
        host.stop();
    });
    driver.run().unwrap();
    driver.turn(Some(Duration::ZERO)).unwrap();
    driver.longest_turn().unwrap()
}

#[test]
fn a_turn_counts_what_it_computes_and_not_what_it_waits() {
    let computing = longest(|| {
        let begun = processor_time();
        while processor_time() < begun + LONG {}
    });
    assert!(computing.ever >= LONG && computing.lately == computing.ever, "{computing:?}");
    let waiting = longest(|| sleep(LONG));
    assert!(waiting.ever < LONG, "{waiting:?}");
}

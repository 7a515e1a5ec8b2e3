//! The client for modules against real nodes of gossip-python.
//!
//! Three facts of such a node make these tests what they are. It reads a frame's header and its body by one `recv` each, and
//! loses what comes too fast: all is announced by paced clients. It draws ids from 0 to 65,534 and takes 0 for none, so that it
//! tells nobody of one message in 65,535: what comes to nothing is tried once more, with another type. It confirms nothing, but
//! repeats to who subscribes what it keeps, a module's own announces too: by its own a module knows that it is subscribed.

use std::time::{Duration, Instant};

use egoist_mio::gossip::{Client, ClientError};
use egoist_tests::module::{Module, PATIENCE, UNBOUNDED, say};
use egoist_tests::real_gossip::RealGossip;

/// Long enough to call a node silent that was asked for something.
const PAUSE: Duration = Duration::from_millis(300);
/// Types to try with.
const TYPES: [u16; 3] = [600, 601, 602];
/// Latencies measured.
const SAMPLES: usize = 20;
/// Repeated to each module that leaves, as often as a node can.
const REPEATED: u16 = 599;
const KEPT: u16 = 50;
/// The second to fifth who left without reading ended the process that sends to modules, in six nodes of six.
const LEAVERS: usize = 10;

/// Tries with one type after another until something else than silence comes of it.
fn with_some_type(mut check: impl FnMut(u16) -> Result<(), ClientError>) {
    for data_type in TYPES {
        match check(data_type) {
            Err(ClientError::Silence) => say(&format!("nothing of type {data_type}; the next one is tried")),
            done => return done.unwrap(),
        }
    }
    panic!("nothing was heard of any type");
}

#[test]
fn all_modules_of_a_mesh_hear_a_message_once() {
    let Some(gossip) = RealGossip::mesh(3) else { return };
    let speaker = Module::new(gossip.api_addr(0), &[]);
    let mut listeners = [1, 2].map(|node| Module::new(gossip.api_addr(node), &TYPES));
    with_some_type(|data_type| {
        let mut times = Vec::new();
        for serial in 0..SAMPLES {
            let data = format!("said {serial}").into_bytes();
            let begin = Instant::now();
            speaker.sender.announce(UNBOUNDED, data_type, &data)?;
            for listener in &mut listeners {
                // Who accepts it sends it on to the other too.
                assert_eq!(listener.accept(data_type)?, data);
            }
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        let (median, longest) = (times[SAMPLES / 2], times[SAMPLES - 1]);
        say(&format!(
            "two modules of a mesh have heard an announce after {median:.1?}, {longest:.1?} at most"
        ));
        Ok(())
    });
}

#[test]
fn a_message_goes_on_once_it_is_found_valid() {
    let Some(gossip) = RealGossip::line() else { return };
    let speaker = Module::new(gossip.api_addr(0), &[]);
    let mut middle = Module::new(gossip.api_addr(1), &TYPES);
    let mut end = Module::new(gossip.api_addr(2), &TYPES);
    with_some_type(|data_type| {
        let announce = |data: &[u8]| speaker.sender.announce(UNBOUNDED, data_type, data);
        announce(b"true")?;
        assert_eq!(middle.accept(data_type)?, b"true");
        assert_eq!(end.accept(data_type)?, b"true");
        announce(b"false")?;
        let wrong = middle.hear(data_type)?;
        assert_eq!(wrong.data, b"false");
        middle.sender.reject(wrong.id)?;
        announce(b"undecided")?;
        assert_eq!(middle.hear(data_type)?.data, b"undecided");
        // What is true after it takes the same way: nothing else was before it.
        announce(b"true again")?;
        assert_eq!(middle.accept(data_type)?, b"true again");
        assert_eq!(end.accept(data_type)?, b"true again");
        Ok(())
    });
}

#[test]
fn data_of_any_length_arrive() {
    let Some(gossip) = RealGossip::mesh(2) else { return };
    let speaker = Module::new(gossip.api_addr(0), &[]);
    let mut listener = Module::new(gossip.api_addr(1), &TYPES);
    for length in [0, 1, 65_527] {
        let data: Vec<u8> = (0..=255).cycle().take(length).collect();
        with_some_type(|data_type| {
            speaker.sender.announce(UNBOUNDED, data_type, &data)?;
            let heard = listener.hear(data_type)?.data;
            assert!(heard == data, "{length} octets became {}", heard.len());
            Ok(())
        });
    }
}

#[test]
fn a_ttl_of_one_is_told_to_who_asks_and_any_other_at_once() {
    let Some(gossip) = RealGossip::mesh(2) else { return };
    let speaker = Module::new(gossip.api_addr(0), &[]);
    let mut listener = Module::new(gossip.api_addr(1), &TYPES);
    with_some_type(|data_type| {
        for (ttl, data) in [(1, b"one"), (0, b"nul"), (2, b"two"), (255, b"all")] {
            speaker.sender.announce(ttl, data_type, data)?;
        }
        for data in [b"nul", b"two", b"all"] {
            assert_eq!(listener.accept(data_type)?, data);
        }
        // What is kept is repeated, and in the order of its arrival.
        listener.sender.notify(data_type)?;
        for data in [b"one", b"nul", b"two", b"all"] {
            assert_eq!(listener.accept(data_type)?, data);
        }
        Ok(())
    });
}

/// Its process that sends to modules ends with EPIPE when it writes to a connection that was reset.
#[test]
fn modules_that_go_with_much_unread_leave_the_node_whole() {
    let Some(mut gossip) = RealGossip::mesh(1) else { return };
    let node = gossip.api_addr(0);
    let mut speaker = Module::new(node, &[]);
    for serial in 0..KEPT {
        speaker.sender.announce(UNBOUNDED, REPEATED, &serial.to_be_bytes()).unwrap();
    }
    speaker.settle();
    for _ in 0..LEAVERS {
        let mut leaver = Client::connect(node).unwrap();
        leaver.set_timeout(Some(PATIENCE)).unwrap();
        leaver.notify(REPEATED).unwrap();
        leaver.notifications().next().unwrap().unwrap();
    }
    // All its parts are there, and it knows that they have gone.
    gossip.linked(0, 1);
    let mut listener = Module::new(node, &TYPES);
    with_some_type(|data_type| {
        speaker.sender.announce(UNBOUNDED, data_type, b"still there")?;
        assert_eq!(listener.hear(data_type)?.data, b"still there");
        Ok(())
    });
}

#[test]
fn a_stopped_node_is_silent_and_a_killed_one_is_gone() {
    let Some(mut gossip) = RealGossip::mesh(1) else { return };
    let speaker = Module::new(gossip.api_addr(0), &[]);
    let mut listener = Module::new(gossip.api_addr(0), &TYPES);
    with_some_type(|data_type| {
        gossip.pause(0);
        speaker.sender.announce(UNBOUNDED, data_type, b"waits")?;
        listener.notifications.set_timeout(Some(PAUSE))?;
        assert!(matches!(listener.hear(data_type), Err(ClientError::Silence)));
        listener.notifications.set_timeout(Some(PATIENCE))?;
        gossip.resume(0);
        assert_eq!(listener.hear(data_type)?.data, b"waits");
        Ok(())
    });
    gossip.kill(0);
    let end = listener.notifications.next();
    assert!(matches!(end, None | Some(Err(ClientError::Closed))), "{end:?}");
}

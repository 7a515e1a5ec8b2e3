//! A client against a thread that speaks the frames.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use egoist_core::gossip::wire::{MAX_DATA, Malformed, Message, next_frame, write};

use super::{Client, ClientError, Notification};

/// A node that does one thing with its one module.
fn node<T: Send + 'static>(
    does: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = spawn(move || {
        let stream = listener.accept().unwrap().0;
        stream.set_nodelay(true).unwrap();
        does(stream)
    });
    (addr, thread)
}

/// All that a module says until it goes.
fn hear_all(mut stream: TcpStream) -> Vec<Message> {
    let mut buffer = Vec::new();
    stream.read_to_end(&mut buffer).unwrap();
    let mut buffer = BytesMut::from(&*buffer);
    let mut all = Vec::new();
    while let Some(frame) = next_frame(&mut buffer).unwrap() {
        all.push(Message::read(&frame).unwrap());
    }
    assert!(buffer.is_empty());
    all
}

/// What a client hears of a node that says these chunks and closes.
fn heard(chunks: Vec<Vec<u8>>) -> Vec<Result<Notification, ClientError>> {
    let (addr, thread) = node(move |mut stream| {
        for chunk in chunks {
            stream.write_all(&chunk).unwrap();
        }
    });
    let mut client = Client::connect(addr).unwrap();
    let all: Vec<_> = client.notifications().collect();
    assert!(client.notifications().next().is_none());
    thread.join().unwrap();
    all
}

fn notification(id: u16, data: &[u8]) -> Notification {
    Notification { id, data_type: 7, data: data.to_vec() }
}

fn frame(id: u16, data: &[u8]) -> Vec<u8> {
    write::notification(id, 7, data).to_vec()
}

#[test]
fn what_a_module_says_is_said_in_order() {
    let (addr, thread) = node(|mut stream| {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        octets
    });
    let client = Client::connect(addr).unwrap();
    client.notify(540).unwrap();
    client.announce(3, 540, b"said").unwrap();
    client.accept(9).unwrap();
    client.reject(10).unwrap();
    drop(client);
    let said: [&[u8]; 4] = [
        b"\0\x08\x01\xf5\0\0\x02\x1c",
        b"\0\x0c\x01\xf4\x03\0\x02\x1csaid",
        b"\0\x08\x01\xf7\0\x09\0\x01",
        b"\0\x08\x01\xf7\0\x0a\0\0",
    ];
    assert_eq!(thread.join().unwrap(), said.concat());
}

#[test]
fn data_are_as_long_as_a_frame_holds() {
    let (addr, thread) = node(hear_all);
    let client = Client::connect(addr).unwrap();
    let data = vec![5; MAX_DATA + 1];
    assert!(matches!(client.announce(0, 1, &data), Err(ClientError::TooLong(65_528))));
    client.announce(0, 1, &data[1..]).unwrap();
    drop(client);
    let heard = thread.join().unwrap();
    assert!(matches!(&heard[..], [Message::Announce(it)] if it.data == data[1..]));
}

#[test]
fn it_does_not_matter_how_frames_arrive() {
    let frames: Vec<_> = (0..4).map(|id| frame(id, b"data")).collect();
    let each = frames.concat().chunks(1).map(<[u8]>::to_vec).collect();
    for chunks in [frames.clone(), vec![frames.concat()], each] {
        let heard: Vec<_> = heard(chunks).into_iter().map(Result::unwrap).collect();
        assert_eq!(heard, (0..4).map(|id| notification(id, b"data")).collect::<Vec<_>>());
    }
}

#[test]
fn frames_that_are_not_for_modules_are_passed_over() {
    let other = [write::notify(7).to_vec(), b"\0\x05\x02\x02x".to_vec(), write::peer_response(&[]).to_vec()];
    let heard = heard([other.concat(), frame(1, b"")].to_vec());
    assert!(matches!(&heard[..], [Ok(it)] if *it == notification(1, b"")));
}

#[test]
fn garbage_is_an_error_and_the_end() {
    let heard = heard(vec![frame(1, b"a"), b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]);
    let [Ok(_), Err(error)] = &heard[..] else { panic!("{heard:?}") };
    assert!(matches!(error, ClientError::Malformed(Malformed::Code)));
    assert!(error.to_string().contains("api_address"), "{error}");
}

#[test]
fn a_body_that_is_too_short_is_an_error_and_the_end() {
    let heard = heard(vec![b"\0\x07\x01\xf6\0\0\0".to_vec(), frame(1, b"a")]);
    assert!(matches!(heard[..], [Err(ClientError::Malformed(Malformed::Body))]));
}

#[test]
fn a_frame_cut_short_is_an_error_and_the_end() {
    for cut in [1, 4, 10] {
        let heard = heard(vec![frame(1, b"a"), frame(2, b"bcd")[..cut].to_vec()]);
        assert!(matches!(heard[..], [Ok(_), Err(ClientError::CutShort)]), "{cut}: {heard:?}");
    }
}

#[test]
fn silence_is_told_and_ends_nothing() {
    let (addr, thread) = node(|mut stream| {
        stream.write_all(&frame(1, b"abc")[..5]).unwrap();
        // The client says that it has waited in vain.
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(&frame(1, b"abc")[5..]).unwrap();
    });
    let mut client = Client::connect(addr).unwrap();
    client.set_timeout(Some(Duration::ZERO)).unwrap();
    assert!(matches!(client.notifications().next(), Some(Err(ClientError::Silence))));
    client.set_timeout(None).unwrap();
    client.notify(7).unwrap();
    assert_eq!(client.notifications().next().unwrap().unwrap(), notification(1, b"abc"));
    assert!(client.notifications().next().is_none());
    thread.join().unwrap();
}

#[test]
fn one_thread_reads_while_others_say_whole_frames() {
    const EACH: usize = 20;
    let (addr, thread) = node(|mut stream| {
        for id in 0..100 {
            stream.write_all(&frame(id, &[0; 5_000])).unwrap();
        }
        hear_all(stream)
    });
    let (notifications, sender) = Client::connect(addr).unwrap().split();
    let speakers = [1, 2].map(|octet| {
        let sender = sender.clone();
        spawn(move || (0..EACH).for_each(|_| sender.announce(0, 7, &[octet; 50_000]).unwrap()))
    });
    let ids: Vec<u16> = notifications.take(100).map(|it| it.unwrap().id).collect();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
    drop(sender);
    let heard = thread.join().unwrap();
    assert_eq!(heard.len(), 2 * EACH);
    for message in heard {
        let Message::Announce(it) = message else { panic!("{message:?}") };
        assert!(it.data.len() == 50_000 && it.data.iter().all(|octet| *octet == it.data[0]));
    }
}

#[test]
fn who_has_subscribed_reads_what_is_left_when_it_goes() {
    let (addr, thread) = node(|mut stream| {
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(&frame(1, &[0; 50_000])).unwrap();
        stream.write_all(&frame(2, &[0; 50_000])).unwrap();
        // A reset would be an error of one of these.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        stream.write_all(&frame(3, b"on its way")).unwrap();
    });
    let (mut notifications, sender) = Client::connect(addr).unwrap().split();
    sender.notify(7).unwrap();
    assert_eq!(notifications.next().unwrap().unwrap().id, 1);
    drop(sender);
    drop(notifications);
    thread.join().unwrap();
}

#[test]
fn a_paced_client_waits_between_frames() {
    let (addr, thread) = node(hear_all);
    let client = Client::connect(addr).unwrap().paced();
    let begin = Instant::now();
    client.announce(0, 7, &[0; 64]).unwrap();
    client.announce(0, 7, &[0; 10_000]).unwrap();
    client.accept(1).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(62));
    drop(client);
    assert_eq!(thread.join().unwrap().len(), 3);
}

#[test]
fn where_nobody_listens_the_address_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Client::connect(free).unwrap_err();
    let ClientError::Unreachable { error: why, .. } = &error else { panic!("{error:?}") };
    assert_eq!(why.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}

#[test]
fn a_node_that_has_gone_is_told_to_who_speaks() {
    let (addr, thread) = node(drop);
    let client = Client::connect(addr).unwrap();
    thread.join().unwrap();
    let ended = (0..).find_map(|_| client.notify(7).err()).unwrap();
    assert!(matches!(ended, ClientError::Closed), "{ended:?}");
}

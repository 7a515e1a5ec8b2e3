//! Datagrams to one address, in bursts of 64: `flood TO RATE SECONDS KIND`, KIND being `ping`, `beat`, `junk` or `long`.

use std::{
    env,
    net::UdpSocket,
    thread::sleep,
    time::{Duration, Instant},
};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(&arguments[1]).unwrap();
    let (rate, seconds): (f64, f64) = (arguments[2].parse().unwrap(), arguments[3].parse().unwrap());
    let datagram = datagram(&arguments[4]);
    let (start, mut sent) = (Instant::now(), 0u64);
    while start.elapsed().as_secs_f64() < seconds {
        for _ in 0..64 {
            sent += u64::from(socket.send(&datagram).is_ok());
        }
        let early = sent as f64 / rate - start.elapsed().as_secs_f64();
        sleep(Duration::from_secs_f64(early.max(0.0)));
    }
    println!("{sent}");
}

fn datagram(kind: &str) -> Vec<u8> {
    match kind {
        "ping" => b"PING@0123456789abcdef@0123456789abcdef0123456789abcdef\r\n".to_vec(),
        "beat" => b"HB@0123456789abcdef@7@6@1000@u@0@\r\n".to_vec(),
        "junk" => vec![b'!'; 64],
        _ => [b"X@", &[b'a'; 1_398][..]].concat(),
    }
}

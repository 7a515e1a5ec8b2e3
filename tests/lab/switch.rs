//! Carries packets between TUN devices, each pair with a delay of its own: `switch FILE FD...`.
//!
//! FILE has the delays one way in microseconds, a row a host; the devices are inherited descriptors. Host n has the address
//! 10.22.0.(10 + n), the last host every other address. There is no `tc netem` in many containers, hence this.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    env,
    fs::{File, read_to_string},
    io::{Read, Write},
    os::fd::FromRawFd,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// Packets on their way at the most; what is more is lost.
const ON_THEIR_WAY: usize = 200_000;

/// When it is due, its number, to whom, and what.
type Packet = Reverse<(Instant, u64, usize, Vec<u8>)>;

#[derive(Default)]
struct Queue {
    packets: Mutex<(BinaryHeap<Packet>, u64)>,
    news: Condvar,
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let row = |line: &str| line.split_whitespace().map(|delay| delay.parse().unwrap()).collect();
    let delays: Vec<Vec<u64>> = read_to_string(&arguments[1]).unwrap().lines().map(row).collect();
    let devices: Vec<i32> = arguments[2..].iter().map(|fd| fd.parse().unwrap()).collect();
    let queue = Arc::new(Queue::default());
    let hosts = devices.len();
    for (host, fd) in devices.iter().copied().enumerate() {
        let (queue, row) = (queue.clone(), delays[host].clone());
        // SAFETY: the descriptor was inherited for this, and is a device.
        let device = unsafe { File::from_raw_fd(fd) };
        thread::spawn(move || take(device, host, hosts, &row, &queue));
    }
    // SAFETY: as above; reading and writing at the same time is what a device is for.
    let devices: Vec<File> = devices.iter().map(|fd| unsafe { File::from_raw_fd(*fd) }).collect();
    give(devices, &queue);
}

fn take(mut device: File, host: usize, hosts: usize, delays: &[u64], queue: &Queue) {
    let mut packet = [0; 65_536];
    while let Ok(len) = device.read(&mut packet) {
        if len < 20 || packet[0] >> 4 != 4 {
            continue;
        }
        let to = destination([packet[18], packet[19]], hosts);
        if to == host {
            continue;
        }
        let due = Instant::now() + Duration::from_micros(delays[to]);
        let mut packets = queue.packets.lock().unwrap();
        if packets.0.len() < ON_THEIR_WAY {
            packets.1 += 1;
            let number = packets.1;
            packets.0.push(Reverse((due, number, to, packet[..len].to_vec())));
            queue.news.notify_one();
        }
    }
}

fn destination(end: [u8; 2], hosts: usize) -> usize {
    match end {
        [0, last] if last >= 10 && usize::from(last - 10) < hosts - 1 => usize::from(last - 10),
        _ => hosts - 1,
    }
}

fn give(mut devices: Vec<File>, queue: &Queue) {
    let mut packets = queue.packets.lock().unwrap();
    loop {
        let now = Instant::now();
        packets = match packets.0.peek() {
            None => queue.news.wait(packets).unwrap(),
            Some(Reverse((due, ..))) if *due > now => {
                let wait = *due - now;
                queue.news.wait_timeout(packets, wait).unwrap().0
            }
            Some(_) => {
                let Reverse((_, _, to, packet)) = packets.0.pop().unwrap();
                drop(packets);
                let _ = devices[to].write(&packet);
                queue.packets.lock().unwrap()
            }
        };
    }
}

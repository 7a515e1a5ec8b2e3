//! What a frame costs to read and to write.

use bytes::{Bytes, BytesMut};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use egoist_core::overlay::wire::{
    Attributes, Beat, Body, LinkAttributes, Links, Listed, ListedRole, NodeName, Nodes, Packet, Reassembly,
    Update, Upt, emit_beat, frames, read, read_datagram,
};
use egoist_core::overlay::{Cost, Key, NodeId, Token};

fn main() {
    divan::main();
}

/// Ids as they are in use: all digits.
fn id(n: u32) -> NodeId {
    NodeId(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) | 1 << 127)
}

fn node(n: u32) -> NodeName {
    NodeName { addr: ([10, 0, 17, 42], 4_000).into(), id: Some(id(n)) }
}

/// A node of a mutual overlay with k = 3: three links that it chose, three that others chose.
fn body() -> Body {
    let link = |n: u32| Listed {
        id: id(n),
        cost: Cost::from_micros(u64::from(n) * 12_345),
        role: if n.is_multiple_of(2) { ListedRole::Out } else { ListedRole::In },
        attributes: LinkAttributes::default(),
    };
    let attributes = Attributes { life: Some(180), free: Some(9), k: Some(3), ..Attributes::default() };
    Body::of(Update { attributes, links: Links::first((2..8).map(link)) })
}

fn upt() -> Upt {
    Upt::originate(Key { incarnation: 3, sequence: 1_234 }, node(1), 250, &body())
}

fn beat() -> Beat {
    Beat { heard: 98_764, held: 123_456, ..Beat::first(Token(0x0123_4567_89ab_cdef), 98_765) }
}

fn net(n: u32) -> Packet {
    Packet::Net(Nodes::first((0..n).map(|n| node(n).into())))
}

fn line(packet: &Packet) -> Bytes {
    let frame = packet.emit();
    frame.slice(..frame.len() - 2)
}

fn reads(bencher: Bencher<'_, '_>, packet: &Packet) {
    let line = line(packet);
    bencher.counter(BytesCount::of_slice(&line[..])).bench_local(|| read(black_box(&line)));
}

fn writes(bencher: Bencher<'_, '_>, packet: &Packet) {
    let mut out = BytesMut::with_capacity(1 << 16);
    bencher.counter(BytesCount::of_slice(&packet.emit()[..])).bench_local(|| {
        out.clear();
        black_box(packet).emit_into(&mut out);
    });
}

#[divan::bench(sample_size = 32)]
fn upt_read(bencher: Bencher<'_, '_>) {
    reads(bencher, &Packet::Upt(upt()));
}

#[divan::bench(sample_size = 32)]
fn upt_read_with_body(bencher: Bencher<'_, '_>) {
    let line = line(&Packet::Upt(upt()));
    bencher.counter(BytesCount::of_slice(&line[..])).bench_local(|| match read(black_box(&line)) {
        Ok(Packet::Upt(upt)) => upt.parse_body(),
        _ => panic!("no UPT"),
    });
}

#[divan::bench(sample_size = 32)]
fn upt_verify(bencher: Bencher<'_, '_>) {
    let upt = upt();
    bencher.counter(BytesCount::of_slice(&upt.body[..])).bench_local(|| black_box(&upt).verify());
}

#[divan::bench(sample_size = 32)]
fn upt_write(bencher: Bencher<'_, '_>) {
    writes(bencher, &Packet::Upt(upt()));
}

#[divan::bench(sample_size = 32)]
fn upt_frame(bencher: Bencher<'_, '_>) {
    let upt = upt();
    bencher
        .counter(BytesCount::of_slice(&upt.frame(0)[..]))
        .bench_local(|| black_box(&upt).frame(black_box(300)));
}

#[divan::bench(sample_size = 32)]
fn body_write(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher.counter(BytesCount::of_slice(&body.emit()[..])).bench_local(|| black_box(&body).emit());
}

#[divan::bench(sample_size = 32)]
fn hb_read(bencher: Bencher<'_, '_>) {
    let datagram = emit_beat(&beat());
    bencher.counter(BytesCount::of_slice(&datagram[..])).bench_local(|| read_datagram(black_box(&datagram)));
}

#[divan::bench(sample_size = 32)]
fn hb_write(bencher: Bencher<'_, '_>) {
    let beat = beat();
    bencher.counter(BytesCount::of_slice(&emit_beat(&beat)[..])).bench_local(|| emit_beat(black_box(&beat)));
}

#[divan::bench(sample_size = 32)]
fn net_128_read(bencher: Bencher<'_, '_>) {
    reads(bencher, &net(128));
}

#[divan::bench(sample_size = 32)]
fn net_128_write(bencher: Bencher<'_, '_>) {
    writes(bencher, &net(128));
}

#[divan::bench(sample_size = 32)]
fn net_1000_in_pieces(bencher: Bencher<'_, '_>) {
    let packet = net(1_000);
    let pieces: Vec<Bytes> =
        frames(&packet, &mut 0).iter().map(|frame| frame.slice(..frame.len() - 2)).collect();
    bencher.counter(BytesCount::of_slice(&packet.emit()[..])).bench_local(|| {
        let mut reassembly = Reassembly::new();
        for piece in &pieces {
            if let Ok(Packet::Seg(segment)) = read(black_box(piece)) {
                black_box(reassembly.push(egoist_core::kernel::Time::ZERO, segment)).ok();
            }
        }
    });
}

//! The real network: mio, with sockets prepared by socket2.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egoist_core::kernel::Time;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Registry, Waker};
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "macos"))]
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::alarm::Alarm;
use super::{Listener, Net, Poller, Ready, Stream, Token, Udp, WakeUp};

/// What a datagram socket holds for us, in octets: at 768 for each small datagram on Linux, which doubles what it is asked
/// for, as many as are read in a turn.
const DATAGRAM_BUFFER: usize = 384 << 10;
/// Octets that the system takes beyond what it has on its way: what it holds, no later frame can pass, however urgent.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;
/// How many sockets one poll reports; more are reported by the next.
const BATCH: usize = 1024;
/// How many connections the operating system holds until they are accepted.
const BACKLOG: i32 = 1024;
/// Tokens from here on are the poller's own.
const FIRST_OWN: usize = usize::MAX - 1;
/// The waker's token, which no socket ever has.
const WAKER: mio::Token = mio::Token(usize::MAX);
/// The alarm's token, likewise.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ALARM: mio::Token = mio::Token(FIRST_OWN);

const _: () = assert!(usize::BITS == 64, "a token needs 64 bits to name a socket once and never again");

/// Real sockets and the real clock.
pub struct MioNet {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    start: Instant,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    alarm: Option<Alarm>,
}

impl MioNet {
    /// A poller of its own; its time begins now.
    ///
    /// # Errors
    /// The operating system has no poller left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(MioNet {
            poll,
            events: Events::with_capacity(BATCH),
            waker,
            start: Instant::now(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            alarm: None,
        })
    }

    /// Where further sources are registered.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}

/// The same token for mio.
#[allow(clippy::cast_possible_truncation, reason = "asserted above")]
pub(crate) const fn for_mio(token: Token) -> mio::Token {
    mio::Token(token.0 as usize)
}

impl Poller for MioNet {
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<bool> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let (Some(alarm), Some(wait)) = (&self.alarm, timeout.filter(|wait| !wait.is_zero())) {
            alarm.set(wait)?;
        }
        self.poll.poll(&mut self.events, timeout)?;
        let mut seen = 0;
        for event in &self.events {
            seen += 1;
            if event.token().0 < FIRST_OWN {
                ready.push(Ready {
                    token: Token(event.token().0 as u64),
                    readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                    writable: event.is_writable() || event.is_write_closed() || event.is_error(),
                });
            }
        }
        Ok(seen == BATCH)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn be_precise(&mut self) {
        match Alarm::new(self.poll.registry(), ALARM) {
            Ok(alarm) => self.alarm = Some(alarm),
            Err(error) => tracing::warn!(%error, "timers may be a millisecond late"),
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "macos"))]
    fn processor_time(&self) -> Option<Duration> {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
    }

    fn waker(&self) -> WakeUp {
        let waker = Arc::clone(&self.waker);
        Arc::new(move || {
            if let Err(error) = waker.wake() {
                tracing::warn!(%error, "the event loop could not be woken");
            }
        })
    }
}

impl Net for MioNet {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Udp = MioUdp;

    fn listen(&mut self, at: SocketAddr) -> io::Result<TcpListener> {
        let socket = socket_for(at, Type::STREAM, Protocol::TCP)?;
        socket.set_reuse_address(true)?;
        socket.bind(&at.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from_std(socket.into()))
    }

    fn bind_udp(&mut self, at: SocketAddr) -> io::Result<MioUdp> {
        let socket = socket_for(at, Type::DGRAM, Protocol::UDP)?;
        // As far as the system allows.
        let _ = socket.set_recv_buffer_size(DATAGRAM_BUFFER);
        socket.bind(&at.into())?;
        Ok(MioUdp { socket: UdpSocket::from_std(socket.into()), both: takes_both(at) })
    }

    fn connect(&mut self, to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to)
    }

    fn watch_stream(&mut self, stream: &mut TcpStream, token: Token) -> io::Result<()> {
        self.registry().register(stream, for_mio(token), Interest::READABLE | Interest::WRITABLE)
    }

    fn watch_listener(&mut self, listener: &mut TcpListener, token: Token) -> io::Result<()> {
        self.registry().register(listener, for_mio(token), Interest::READABLE)
    }

    fn watch_udp(&mut self, socket: &mut MioUdp, token: Token) -> io::Result<()> {
        self.registry().register(&mut socket.socket, for_mio(token), Interest::READABLE | Interest::WRITABLE)
    }
}

fn socket_for(at: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    if at.is_ipv6() {
        socket.set_only_v6(!takes_both(at))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A socket on every IPv6 address takes IPv4 too.
fn takes_both(at: SocketAddr) -> bool {
    at.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// An IPv4 address as such, where a socket that takes both shows it as one of IPv6.
fn plain(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(addr, |ip| SocketAddr::new(ip.into(), addr.port())),
        IpAddr::V4(_) => addr,
    }
}

/// A datagram socket of one family or of both.
#[derive(Debug)]
pub struct MioUdp {
    socket: UdpSocket,
    both: bool,
}

impl Stream for TcpStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Read::read(self, into)
    }
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(self, slices)
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        TcpStream::take_error(self)
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        TcpStream::peer_addr(self)
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpStream::local_addr(self)
    }
    fn prepare(&mut self, patience: Duration) -> io::Result<()> {
        self.set_nodelay(true)?;
        let (socket, quiet) = (SockRef::from(&*self), patience / 2);
        // Without anything to acknowledge, the system asks whether the peer still knows of the connection.
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(quiet).with_interval(quiet / 4))?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            socket.set_tcp_user_timeout(Some(patience))?;
            socket.set_tcp_notsent_lowat(UNSENT)?;
        }
        Ok(())
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).map(|(stream, remote)| (stream, plain(remote)))
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

impl Udp for MioUdp {
    fn recv_from(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(into).map(|(len, from)| (len, plain(from)))
    }
    fn send_to(&mut self, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
        let to = match to.ip() {
            IpAddr::V4(ip) if self.both => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            _ => to,
        };
        self.socket.send_to(payload, to)
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_socket_on_every_ipv6_address_takes_ipv4_too() {
        let mut net = MioNet::new().unwrap();
        let everywhere = "[::]:0".parse().unwrap();
        let (Ok(mut udp), Ok(mut listener)) = (net.bind_udp(everywhere), net.listen(everywhere)) else {
            eprintln!("SKIPPED: this machine has no IPv6");
            return;
        };
        for ip in [[127, 0, 0, 1].into(), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let here = SocketAddr::new(ip, 0);
            let Ok(peer) = std::net::UdpSocket::bind(here) else { continue };
            peer.send_to(b"hello", SocketAddr::new(ip, udp.local_addr().unwrap().port())).unwrap();
            let mut octets = [0; 9];
            let heard = wait(|| udp.recv_from(&mut octets));
            assert_eq!(heard, (5, peer.local_addr().unwrap()));
            assert_eq!(udp.send_to(b"back", heard.1).unwrap(), 4);
            assert_eq!(peer.recv(&mut octets).unwrap(), 4);
            let at = SocketAddr::new(ip, Listener::local_addr(&listener).unwrap().port());
            let stream = std::net::TcpStream::connect(at).unwrap();
            let accepted = wait(|| Listener::accept(&mut listener));
            assert_eq!(accepted.1, stream.local_addr().unwrap());
        }
    }

    /// What a socket that does not block has to say, within ten seconds.
    fn wait<T>(mut of: impl FnMut() -> io::Result<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match of() {
                Ok(value) => return value,
                Err(error) => {
                    assert!(
                        error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline,
                        "{error}"
                    );
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Urgent frames wait behind what the system holds.
    #[test]
    fn the_system_holds_little_for_a_peer_that_reads_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_peer, _) = listener.accept().unwrap();
        stream.prepare(Duration::from_secs(8)).unwrap();
        let (piece, mut taken) = ([0; 16 << 10], 0);
        while let Ok(n) = Write::write(&mut stream, &piece) {
            taken += n;
        }
        // What its buffer takes is on its way.
        assert!(taken < 512 << 10, "{taken} octets");
    }

    #[test]
    fn a_silent_peer_is_given_up() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.prepare(Duration::from_secs(8)).unwrap();
        let socket = SockRef::from(&stream);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(8)));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(4));
        assert!(stream.nodelay().unwrap());
    }
}

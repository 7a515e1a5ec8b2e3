//! A node of the overlay in a tokio loop: dials, connections, datagrams and deadlines, on one thread.
//!
//! ```text
//! egoist bootstrap &
//! cargo run -p egoist-mio --example tokio -- 127.0.0.1:7001 127.0.0.1:61223 &
//! cargo run -p egoist-mio --example tokio -- 127.0.0.1:7002 127.0.0.1:61223
//! ```
//!
//! The machine lives in one task. Each connection has two more: one reads, one writes, and both tell the first what
//! happened. What the contract asks of a driver is marked below with the promise it keeps.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use egoist_core::kernel::{
    Checked, CloseHow, Closed, ConnId, DialError, How, Input, Loaded, Machine, Output, Page, Port, Seed,
    Ticket, Time, scan,
};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{Config, Overlay};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout_at};

/// What connections may have read and the machine not yet taken; their tasks wait then.
const NEWS: usize = 64;
/// Octets of one read.
const PIECE: usize = 16 << 10;
/// How long a connection that is closed in good order is still written, and read after that.
const FLUSH: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<SocketAddr>().ok());
    let listen = args.next().unwrap_or(([127, 0, 0, 1], 7001).into());
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let network = Network::new("loopback").map_err(io::Error::other)?;
    let config = Config { bootstraps: args.collect(), ..Config::new(Seed(seed), network, listen) };
    let tell = |node: &Checked<Overlay>, event: &_| {
        let node = node.machine();
        println!("{event:?}; neighbours {}, reachable {}", node.neighbors().len(), node.status().reachable);
    };
    // While a loop is being written, `Checked` says what it does wrong: it panics with a sentence.
    let node = Checked::new(Overlay::new(config).map_err(io::Error::other)?);
    Loop::new(node, listen).await?.run(tell).await
}

/// What the tasks tell the loop.
enum News {
    Dialed(Ticket, io::Result<TcpStream>),
    TimedOut(Ticket),
    Read(ConnId, BytesMut),
    Wrote(ConnId, usize),
    Ended(ConnId, Closed),
}

/// What the loop has of a connection.
struct Link {
    /// Frames to be written; dropping it shuts down writing after them.
    frames: Option<UnboundedSender<Bytes>>,
    /// Whether the reading task reads.
    reading: watch::Sender<bool>,
    /// Arrived and not taken by the machine.
    bytes: BytesMut,
    /// The machine has closed it: it is told the end, and nothing else.
    closing: bool,
    tasks: [tokio::task::AbortHandle; 2],
}

/// A machine and its sockets.
struct Loop<M: Machine> {
    machine: M,
    start: Instant,
    listener: TcpListener,
    socket: UdpSocket,
    links: HashMap<ConnId, Link>,
    opened: u64,
    /// State: in memory alone. A real driver has it durable before it answers.
    state: BTreeMap<Bytes, Bytes>,
    news: Receiver<News>,
    post: Sender<News>,
}

impl<M: Machine> Loop<M> {
    async fn new(machine: M, listen: SocketAddr) -> io::Result<Self> {
        let (post, news) = channel(NEWS);
        Ok(Loop {
            machine,
            start: Instant::now(),
            listener: TcpListener::bind(listen).await?,
            socket: UdpSocket::bind(listen).await?,
            links: HashMap::new(),
            opened: 0,
            state: BTreeMap::new(),
            news,
            post,
        })
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// The five steps of every driver.
    async fn run(mut self, mut tell: impl FnMut(&M, &M::Event)) -> io::Result<()> {
        let mut datagram = vec![0; 1 << 16];
        loop {
            // 1. Do what the machine wants, until it wants no more.
            while let Some(output) = self.machine.poll() {
                match output {
                    Output::Event(event) => tell(&self.machine, &event),
                    // It has ended, and is told nothing more.
                    Output::Done => return Ok(()),
                    output => self.perform(output),
                }
            }
            // 2. Sleep until it wants to be woken, or something arrives.
            let wake = self.machine.poll_timeout().map_or(Time::MAX, |wake| wake.at);
            let wait = wake.since(self.now()).min(Duration::from_secs(3600));
            let at = tokio::time::Instant::now() + wait;
            // 3. Hand over what has arrived.
            tokio::select! {
                biased;
                Some(news) = self.news.recv() => self.heard(news),
                Ok((n, from)) = self.socket.recv_from(&mut datagram) => {
                    self.tell(Input::Datagram { port: Port(0), from, bytes: &datagram[..n] });
                }
                Ok((stream, remote)) = self.listener.accept() => {
                    self.open(stream, How::Accepted(Port(0)), remote);
                }
                () = sleep_until(at) => {}
            }
            // 4. Then tell the time, after everything that had arrived by then: a process that was stopped for a while
            // finds both.
            let now = self.now();
            if self.machine.poll_timeout().is_some_and(|wake| wake.at <= now) {
                tokio::task::yield_now().await;
                self.catch_up(&mut datagram);
                self.tell(Input::Tick);
            }
        }
    }

    /// Hands over what the tasks have read, and as many datagrams at most.
    fn catch_up(&mut self, datagram: &mut [u8]) {
        while let Ok(news) = self.news.try_recv() {
            self.heard(news);
        }
        for _ in 0..NEWS {
            let Ok((n, from)) = self.socket.try_recv_from(datagram) else { return };
            self.tell(Input::Datagram { port: Port(0), from, bytes: &datagram[..n] });
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        let now = self.now();
        self.machine.handle(now, input);
    }

    fn perform(&mut self, output: Output<M::Event>) {
        match output {
            Output::Dial { ticket, to, deadline } => self.dial(ticket, to, deadline),
            Output::Send { conn, frame, .. } => {
                if let Some(frames) = self.links.get(&conn).and_then(|link| link.frames.as_ref()) {
                    let _ = frames.send(frame);
                }
            }
            Output::Reading { conn, on } => self.set_reading(conn, on),
            Output::Close { conn, how, .. } => self.close(conn, how),
            Output::Datagram { to, payload, .. } => _ = self.socket.try_send_to(&payload, to),
            Output::Store { ticket, ops, until: _ } => {
                for op in ops {
                    match op.value {
                        Some(value) => drop(self.state.insert(op.key, value)),
                        None => drop(self.state.remove(&op.key)),
                    }
                }
                self.tell(Input::Stored { ticket, result: Ok(()) });
            }
            Output::Load { ticket, key } => {
                let value = self.state.get(&key).cloned();
                let value = value.as_deref().map_or(Loaded::Absent, Loaded::Value);
                self.tell(Input::Loaded { ticket, value });
            }
            Output::Scan { ticket, prefix, after } => {
                let page = Page::of(scan(&self.state, &prefix, after.as_ref()));
                self.tell(Input::Scanned { ticket, page: page.scanned() });
            }
            Output::Event(_) | Output::Done => {}
        }
    }

    /// One answer for each ticket: at its deadline at the latest.
    fn dial(&mut self, ticket: Ticket, to: SocketAddr, deadline: Time) {
        let at = tokio::time::Instant::now() + deadline.since(self.now());
        let tell = self.post.clone();
        tokio::spawn(async move {
            let dialled = timeout_at(at, TcpStream::connect(to)).await;
            let news = dialled.map_or(News::TimedOut(ticket), |stream| News::Dialed(ticket, stream));
            let _ = tell.send(news).await;
        });
    }

    fn open(&mut self, stream: TcpStream, how: How, remote: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let conn = ConnId(self.opened);
        self.opened += 1;
        let ((frames, queue), (reading, may_read)) = (unbounded_channel(), watch::channel(true));
        let stream = std::sync::Arc::new(stream);
        let reader = tokio::spawn(read(conn, std::sync::Arc::clone(&stream), may_read, self.post.clone()));
        let writer = tokio::spawn(write(conn, stream, queue, self.post.clone()));
        let tasks = [reader.abort_handle(), writer.abort_handle()];
        let frames = Some(frames);
        self.links.insert(conn, Link { frames, reading, bytes: BytesMut::new(), closing: false, tasks });
        self.tell(Input::Opened { conn, how, remote });
    }

    fn heard(&mut self, news: News) {
        match news {
            News::Dialed(ticket, Ok(stream)) => match stream.peer_addr() {
                Ok(remote) => self.open(stream, How::Dialed(ticket), remote),
                Err(_) => self.tell(Input::DialFailed { ticket, why: DialError::Unreachable }),
            },
            News::Dialed(ticket, Err(error)) => {
                let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                let why = if refused { DialError::Refused } else { DialError::Unreachable };
                self.tell(Input::DialFailed { ticket, why });
            }
            News::TimedOut(ticket) => self.tell(Input::DialFailed { ticket, why: DialError::TimedOut }),
            News::Read(conn, new) => {
                if let Some(link) = self.links.get_mut(&conn).filter(|link| !link.closing) {
                    link.bytes.unsplit(new);
                    self.present(conn);
                }
            }
            // Without it the machine would soon send no more.
            News::Wrote(conn, n) => {
                if self.links.get(&conn).is_some_and(|link| !link.closing) {
                    self.tell(Input::Flushed { conn, n });
                }
            }
            // Both tasks may tell an end; the machine is told one.
            News::Ended(conn, why) => {
                if let Some(link) = self.links.remove(&conn) {
                    link.tasks.iter().for_each(tokio::task::AbortHandle::abort);
                    let why = if link.closing { Closed::ByUs } else { why };
                    self.tell(Input::Closed { conn, why });
                }
            }
        }
    }

    /// Shows the machine everything that it has not taken; what it leaves is shown again with more.
    fn present(&mut self, conn: ConnId) {
        let now = self.now();
        if let Some(link) = self.links.get_mut(&conn)
            && *link.reading.borrow()
        {
            self.machine.handle(now, Input::Received { conn, bytes: &mut link.bytes });
        }
    }

    /// When reading is turned on again, what is there is presented again.
    fn set_reading(&mut self, conn: ConnId, on: bool) {
        if let Some(link) = self.links.get(&conn) {
            link.reading.send_replace(on);
            if on {
                self.present(conn);
            }
        }
    }

    fn close(&mut self, conn: ConnId, how: CloseHow) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        link.closing = true;
        let tell = self.post.clone();
        let wait = match how {
            CloseHow::Abort => {
                link.tasks.iter().for_each(tokio::task::AbortHandle::abort);
                Duration::ZERO
            }
            CloseHow::Flush => {
                // The reader discards what still comes: closing on unread bytes would reset what was said last.
                link.frames = None;
                link.reading.send_replace(true);
                FLUSH + DRAIN
            }
        };
        tokio::spawn(async move {
            sleep(wait).await;
            let _ = tell.send(News::Ended(conn, Closed::ByUs)).await;
        });
    }
}

/// Reads while it may, and tells what came.
async fn read(
    conn: ConnId,
    stream: std::sync::Arc<TcpStream>,
    mut may_read: watch::Receiver<bool>,
    tell: Sender<News>,
) {
    let why = loop {
        if may_read.wait_for(|on| *on).await.is_err() || stream.readable().await.is_err() {
            break Closed::Broken;
        }
        let mut bytes = BytesMut::zeroed(PIECE);
        match stream.try_read(&mut bytes) {
            Ok(0) => break Closed::ByPeer,
            Ok(n) => {
                bytes.truncate(n);
                if tell.send(News::Read(conn, bytes)).await.is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break Closed::Broken,
        }
    };
    let _ = tell.send(News::Ended(conn, why)).await;
}

/// Writes frames and tells how many octets the network took; after the last it shuts down writing, and waits a second for
/// the peer's end.
async fn write(
    conn: ConnId,
    stream: std::sync::Arc<TcpStream>,
    mut queue: UnboundedReceiver<Bytes>,
    tell: Sender<News>,
) {
    while let Some(frame) = queue.recv().await {
        let mut left = &frame[..];
        while !left.is_empty() {
            let wrote = match stream.writable().await {
                Ok(()) => stream.try_write(left),
                Err(error) => Err(error),
            };
            match wrote {
                Ok(n) => left = &left[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => return drop(tell.send(News::Ended(conn, Closed::Broken)).await),
            }
        }
        if tell.send(News::Wrote(conn, frame.len())).await.is_err() {
            return;
        }
    }
    let _ = socket2::SockRef::from(&*stream).shutdown(std::net::Shutdown::Write);
    sleep(DRAIN).await;
    let _ = tell.send(News::Ended(conn, Closed::ByUs)).await;
}

//! Two machines in one: an overlay and a hello node, each with a listener, a dialler and time of its own, keep the laws
//! together as they do alone.

use std::collections::BTreeMap;
use std::time::Duration;

use egoist_core::hello::Hello;
use egoist_core::kernel::{
    Awaits, Checked, CloseHow, ConnId, Deadline, Deadlines, Fault, How, Input, Machine, Output, Outputs,
    Part, Port, Rng, Scope, Slack, Ticket, Time, Wake, Why,
};
use egoist_core::overlay::Overlay;
use egoist_core::sim::laws::{self, Lawful};

/// What one of two is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Of<A, B> {
    A(A),
    B(B),
}

/// The machine around has nothing to do at any time of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Never {}

impl Deadline for Never {
    fn awaits(&self) -> Awaits {
        match *self {}
    }

    fn name(&self) -> &'static str {
        match *self {}
    }
}

const ENDED: Why = Why { fault: Fault::Nobody, what: "the machine inside has ended" };

/// One of the machines inside, and the connections that are its.
struct Inner<M> {
    machine: M,
    scope: Scope,
    /// Those that the driver has not said to be closed, and whether the machine closed them.
    conns: BTreeMap<ConnId, bool>,
    ended: bool,
}

impl<M: Machine + Part> Inner<M> {
    const fn new(machine: M, scope: Scope) -> Self {
        Inner { machine, scope, conns: BTreeMap::new(), ended: false }
    }

    /// Hands over what is this machine's.
    fn handle(&mut self, now: Time, input: Input<'_>) {
        let Some(input) = self.scope.incoming(input).filter(|input| self.owns(input)) else { return };
        match &input {
            Input::Opened { conn, .. } => _ = self.conns.insert(*conn, false),
            Input::Closed { conn, .. } => _ = self.conns.remove(conn),
            _ => {}
        }
        if !self.ended {
            self.machine.handle(now, input);
        }
    }

    fn owns(&self, input: &Input<'_>) -> bool {
        match input {
            Input::Received { conn, .. } | Input::Flushed { conn, .. } | Input::Closed { conn, .. } => {
                self.conns.contains_key(conn)
            }
            _ => true,
        }
    }

    fn drain<E>(&mut self, out: &mut Outputs<E>, event: impl Fn(M::Event) -> E) {
        while let Some(output) = self.machine.poll() {
            if let Output::Close { conn, .. } = output {
                self.conns.insert(conn, true);
            }
            match self.scope.outgoing(output) {
                Some(output) => out.push(output.map_event(&event)),
                None => self.ended = true,
            }
        }
        if self.ended {
            self.break_off(out);
        }
    }

    /// Closes what it left open, and what has opened since.
    fn break_off<E>(&mut self, out: &mut Outputs<E>) {
        for (conn, closed) in self.conns.iter_mut().filter(|(_, closed)| !**closed) {
            *closed = true;
            out.push(Output::Close { conn: *conn, how: CloseHow::Abort, why: ENDED });
        }
    }

    fn wake(&self) -> Option<Wake> {
        self.machine.poll_timeout().filter(|_| !self.ended)
    }
}

/// Both, and the queue that keeps what they say in the order of what they were told.
struct Both<A: Machine, B: Machine> {
    a: Inner<A>,
    b: Inner<B>,
    deadlines: Deadlines<Never>,
    out: Outputs<Of<A::Event, B::Event>>,
    done: bool,
}

/// Each has one listener.
fn scopes() -> [Scope; 2] {
    Scope::among([("a", 1), ("b", 1)])
}

impl<A: Machine + Part, B: Machine + Part> Both<A, B> {
    /// The first says nothing before the first input: a machine that asks for its state at construction says nothing else
    /// before that has come (law 10), and the second does not wait for it.
    fn new(a: A, b: B) -> Self {
        let [of_a, of_b] = scopes();
        let deadlines = Deadlines::new(Slack::new(Duration::from_secs(1)), Time::ZERO);
        let (a, b) = (Inner::new(a, of_a), Inner::new(b, of_b));
        let mut both = Both { a, b, deadlines, out: Outputs::new(), done: false };
        both.b.drain(&mut both.out, Of::B);
        both
    }

    fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut [&mut self.a.machine, &mut self.b.machine]);
    }

    fn drain(&mut self) {
        self.a.drain(&mut self.out, Of::A);
        self.b.drain(&mut self.out, Of::B);
        if self.a.ended && self.b.ended && !self.done {
            self.done = true;
            self.out.done();
        }
    }
}

impl<A: Machine + Part, B: Machine + Part> Machine for Both<A, B> {
    type Command = Of<A::Command, B::Command>;
    type Reply = Of<A::Reply, B::Reply>;
    type Refusal = Option<Of<A::Refusal, B::Refusal>>;
    type Event = Of<A::Event, B::Event>;

    fn handle(&mut self, now: Time, mut input: Input<'_>) {
        self.advance(now);
        if matches!(input, Input::Tick) {
            self.deadlines.fire();
        }
        self.a.handle(now, again(&mut input));
        self.b.handle(now, input);
        self.drain();
    }

    fn command(&mut self, now: Time, command: Self::Command) -> Result<Self::Reply, Self::Refusal> {
        self.advance(now);
        let answer = match command {
            Of::A(command) if !self.a.ended => {
                self.a.machine.command(now, command).map(Of::A).map_err(|refusal| Some(Of::A(refusal)))
            }
            Of::B(command) if !self.b.ended => {
                self.b.machine.command(now, command).map(Of::B).map_err(|refusal| Some(Of::B(refusal)))
            }
            _ => Err(None),
        };
        self.drain();
        answer
    }

    fn poll(&mut self) -> Option<Output<Self::Event>> {
        self.out.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.deadlines.wake(&self.out, [self.a.wake(), self.b.wake()])
    }
}

/// The same input for another: each takes what is its own.
fn again<'a>(input: &'a mut Input<'_>) -> Input<'a> {
    match input {
        Input::Tick => Input::Tick,
        Input::Opened { conn, how, remote } => Input::Opened { conn: *conn, how: *how, remote: *remote },
        Input::Received { conn, bytes } => Input::Received { conn: *conn, bytes },
        Input::Flushed { conn, n } => Input::Flushed { conn: *conn, n: *n },
        Input::Closed { conn, why } => Input::Closed { conn: *conn, why: *why },
        Input::DialFailed { ticket, why } => Input::DialFailed { ticket: *ticket, why: *why },
        Input::Datagram { port, from, bytes } => Input::Datagram { port: *port, from: *from, bytes },
        Input::Stored { ticket, result } => Input::Stored { ticket: *ticket, result: *result },
        Input::Loaded { ticket, value } => Input::Loaded { ticket: *ticket, value: *value },
        Input::Scanned { ticket, page } => Input::Scanned { ticket: *ticket, page: *page },
        Input::WallTime { unix } => Input::WallTime { unix: *unix },
    }
}

impl<A: Lawful + Part, B: Lawful + Part> Lawful for Both<A, B> {
    const WAKES_PER_SECOND: u32 = A::WAKES_PER_SECOND + B::WAKES_PER_SECOND;
    const IN_FLIGHT: usize = if A::IN_FLIGHT > B::IN_FLIGHT { A::IN_FLIGHT } else { B::IN_FLIGHT };
    const PORTS: u16 = 2;

    fn specimen(seed: u64) -> Self {
        Both::new(A::specimen(seed), B::specimen(seed))
    }

    fn stream(how: How, rng: &mut Rng) -> Vec<u8> {
        let [of_a, _] = scopes();
        let (is_a, inside) = match how {
            How::Accepted(port) => (port == Port(0), How::Accepted(Port(0))),
            How::Dialed(ticket) => (of_a.ticket_inside(ticket).is_some(), How::Dialed(Ticket(0))),
        };
        if is_a { A::stream(inside, rng) } else { B::stream(inside, rng) }
    }

    fn datagram(port: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        if port == Port(0) { A::datagram(port, rng) } else { B::datagram(Port(0), rng) }
    }

    fn command(rng: &mut Rng) -> Option<Self::Command> {
        if rng.percent(50) {
            <A as Lawful>::command(rng).map(Of::A)
        } else {
            <B as Lawful>::command(rng).map(Of::B)
        }
    }
}

#[test]
fn two_machines_in_one_keep_every_law() {
    laws::laws::<Both<Overlay, Hello>>(500);
    laws::laws::<Checked<Both<Overlay, Hello>>>(100);
}

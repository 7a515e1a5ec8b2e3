//! A machine around another that holds the *driver* to the contract.

mod account;
mod left;
mod watch;

#[cfg(test)]
mod tests;

use core::time::Duration;

use self::account::Account;
use super::{Input, Machine, Output, Time, Wake};

/// A machine around another, for whoever writes an event loop: it panics with a sentence when the driver breaks the
/// contract of [`Machine`], and changes nothing else. Commands, answers, outputs and wakes are those of the machine
/// inside.
///
/// What it finds:
///
/// | mistake | found |
/// |---|---|
/// | time goes back | at once |
/// | a connection's name is given again, or something is told of one that is not open | at once; of names that ended the [latest](Self::REMEMBERED) are known |
/// | `Closed` twice, or a ticket answered twice, never asked, or as something else | at once |
/// | more octets flushed than were sent | at once |
/// | a buffer that lost octets: what is presented must begin with what the machine left | at once, by length and by a hash of both ends |
/// | reading that was turned off and goes on | at once |
/// | no `Tick` when one was asked for | [`Patience::tick`] |
/// | no answer to a ticket | [`Patience::answer`], [`Patience::dial`] |
/// | no `Closed` after the machine's own `Close` | [`Patience::closed`] |
/// | nothing flushed on any connection while octets are in flight | [`Patience::flushed`] |
///
/// **From the moment on at which the driver has taken [`Output::Reading`] off, nothing of that connection is handed
/// over** until it is turned on again. What was read and not handed over by then waits in the driver's buffer. What the
/// driver learns before it has taken that output may still be handed over.
///
/// **What is missing is missed late rather than wrongly.** Nothing is known of the time between two calls, in which the
/// process may have been stopped: of that a [quarter of a second](Patience::STRIDE) counts at most, and a driver is
/// found wanting once a [second](Patience::GRACE) of such time has been seen to pass after the moment at which the thing
/// was due. So a driver that is stopped for an hour is right if it then hands over what has arrived before it tells the
/// time, as every driver must. A driver that never calls is not found.
///
/// Its memory is bounded by the connections that are open and the tickets that wait.
///
/// ```should_panic
/// use egoist_core::kernel::{Checked, ConnId, How, Input, Machine, Output, Port, Time, Wake};
///
/// struct Silent;
/// impl Machine for Silent {
///     # type Command = (); type Reply = (); type Refusal = (); type Event = ();
///     // Wants nothing, says nothing.
///     # fn handle(&mut self, _: Time, _: Input<'_>) {}
///     # fn command(&mut self, _: Time, (): ()) -> Result<(), ()> { Ok(()) }
///     # fn poll(&mut self) -> Option<Output<()>> { None }
///     # fn poll_timeout(&self) -> Option<Wake> { None }
/// }
///
/// let mut machine = Checked::new(Silent);
/// let (conn, how) = (ConnId(0), How::Accepted(Port(0)));
/// machine.handle(Time::ZERO, Input::Opened { conn, how, remote: "127.0.0.1:7000".parse().unwrap() });
/// // "the driver flushed 5 octets of ConnId(0), where 0 are in flight"
/// machine.handle(Time::from_secs(1), Input::Flushed { conn, n: 5 });
/// ```
#[derive(Clone, Default, Debug)]
pub struct Checked<M> {
    machine: M,
    account: Account,
}

impl<M> Checked<M> {
    /// How many connections that ended, and how many tickets that were answered, are known by name: later ones push
    /// earlier ones out.
    pub const REMEMBERED: usize = 1_024;

    /// Around a machine that was not driven yet, with the [usual](Patience::USUAL) patience.
    pub fn new(machine: M) -> Self {
        Self::with_patience(machine, Patience::USUAL)
    }

    /// Likewise, for a driver that may take longer, or is to be quicker.
    pub fn with_patience(machine: M, patience: Patience) -> Self {
        Checked { machine, account: Account::new(patience) }
    }

    /// The machine, for its questions.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, no longer watched over.
    pub fn into_inner(self) -> M {
        self.machine
    }
}

/// The checks are made before the machine hears of an input.
///
/// # Panics
/// The driver broke the contract.
impl<M: Machine> Machine for Checked<M> {
    type Command = M::Command;
    type Reply = M::Reply;
    type Refusal = M::Refusal;
    type Event = M::Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.account.told(now, &input);
        match input {
            Input::Received { conn, bytes } => {
                self.machine.handle(now, Input::Received { conn, bytes: &mut *bytes });
                self.account.left(conn, bytes);
            }
            other => self.machine.handle(now, other),
        }
    }

    fn command(&mut self, now: Time, command: M::Command) -> Result<M::Reply, M::Refusal> {
        self.account.pass(now);
        self.machine.command(now, command)
    }

    fn poll(&mut self) -> Option<Output<M::Event>> {
        let output = self.machine.poll();
        match &output {
            Some(output) => self.account.asked(output),
            None => self.account.drained(self.machine.poll_timeout()),
        }
        output
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.machine.poll_timeout()
    }
}

/// How long a driver may take for what a machine waits for. [`GRACE`](Self::GRACE) comes on top of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// From the time at which the machine asked to be woken to a [`Tick`](Input::Tick).
    pub tick: Duration,
    /// From a store or a load to its answer.
    pub answer: Duration,
    /// From a dial's deadline to its answer.
    pub dial: Duration,
    /// From the machine's own [`Close`](Output::Close) to [`Closed`](Input::Closed). The event loop of `egoist-mio`
    /// flushes for five seconds and drains for one; a driver that takes longer needs more here.
    pub closed: Duration,
    /// For how long nothing is [flushed](Input::Flushed) on any connection while octets are in flight. (A peer that reads
    /// nothing is none of the driver's mistakes, but a machine has given it up by then.)
    pub flushed: Duration,
}

impl Patience {
    /// What a driver on sockets keeps: a second, a minute, five seconds, ten seconds, a minute.
    pub const USUAL: Patience = Patience {
        tick: Duration::from_secs(1),
        answer: Duration::from_secs(60),
        dial: Duration::from_secs(5),
        closed: Duration::from_secs(10),
        flushed: Duration::from_secs(60),
    };

    /// Nothing is ever missed: for drivers that try a machine with any delay, as those of `sim::laws` do.
    pub const ENDLESS: Patience = Patience {
        tick: Duration::MAX,
        answer: Duration::MAX,
        dial: Duration::MAX,
        closed: Duration::MAX,
        flushed: Duration::MAX,
    };

    /// How much time must be seen to pass after something was due before it is missed.
    pub const GRACE: Duration = Duration::from_secs(1);

    /// How much of the time between two calls is seen to pass at most.
    pub const STRIDE: Duration = Duration::from_millis(250);
}

impl Default for Patience {
    fn default() -> Self {
        Self::USUAL
    }
}

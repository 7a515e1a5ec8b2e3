//! Machines of different protocols in one world.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::{Any, type_name};
use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;

use serde::ser::{Error, Serialize, Serializer};

use super::{Boot, World};
use crate::kernel::{Input, Machine, Output, Time, Wake};

/// A machine of any protocol: what a world of several is made of. Questions and commands go by [`NodeKey`].
///
/// ```
/// use egoist_core::kernel::{Class, Input, Machine, Output, Port, Seed, Time, Wake};
/// use egoist_core::sim::{AnyMachine, Config, World, address};
///
/// /// Says a number to node 1, if it has one, and tells the user of every datagram.
/// struct Speaker(Option<u8>, Vec<Output<usize>>);
/// # impl Machine for Speaker {
/// #     type Command = ();
/// #     type Reply = ();
/// #     type Refusal = ();
/// #     type Event = usize;
/// #     fn handle(&mut self, _: Time, input: Input<'_>) {
/// #         if let Input::Datagram { bytes, .. } = input { self.1.push(Output::Event(bytes.len())) }
/// #     }
/// #     fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
/// #         let payload = self.0.map(|n| vec![n]).ok_or(())?.into();
/// #         self.1.push(Output::Datagram { port: Port(0), to: address(1), payload, class: Class::Urgent });
/// #         Ok(())
/// #     }
/// #     fn poll(&mut self) -> Option<Output<usize>> { self.1.pop() }
/// #     fn poll_timeout(&self) -> Option<Wake> { None }
/// # }
/// /// Another protocol: it counts the octets of datagrams, and has nothing to ask for.
/// struct Counter(u64);
/// # impl Machine for Counter {
/// #     type Command = core::convert::Infallible;
/// #     type Reply = ();
/// #     type Refusal = ();
/// #     type Event = ();
/// #     fn handle(&mut self, _: Time, input: Input<'_>) {
/// #         if let Input::Datagram { bytes, .. } = input { self.0 += bytes.len() as u64 }
/// #     }
/// #     fn command(&mut self, _: Time, none: core::convert::Infallible) -> Result<(), ()> { match none {} }
/// #     fn poll(&mut self) -> Option<Output<()>> { None }
/// #     fn poll_timeout(&self) -> Option<Wake> { None }
/// # }
///
/// let mut world: World<AnyMachine> = World::new(Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(1));
/// let speaker = world.add_of(|_| Speaker(Some(7), Vec::new()));
/// let counter = world.add_of(|_| Counter(0));
/// (0..2).for_each(|node| world.start(node, Time::ZERO));
/// world.run_until(Time::from_secs(1), |_, _, _| ());
/// assert_eq!(world.command_to(speaker, ()), Some(Ok(())));
/// world.run_until(Time::from_secs(2), |_, node, event| {
///     // Events come with their type: `event.of::<Speaker>()` is what a speaker tells.
///     assert!(node == speaker.node() && event.of::<Counter>().is_none());
/// });
/// assert_eq!(world.machine_of(counter).map(|counter| counter.0), Some(1));
/// ```
pub struct AnyMachine(Box<dyn Erased>);

/// What a machine of any protocol tells its user.
pub struct AnyEvent(Box<dyn Told>);

/// Which node of a world, and what its machine is: the way to ask and command it.
pub struct NodeKey<M> {
    node: usize,
    kind: PhantomData<fn() -> M>,
}

impl<M> NodeKey<M> {
    /// The node's index, by which everything that is no question to its machine goes.
    pub const fn node(self) -> usize {
        self.node
    }
}

impl<M> Clone for NodeKey<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for NodeKey<M> {}

impl<M> fmt::Debug for NodeKey<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.node)
    }
}

/// Worlds of different protocols.
impl World<AnyMachine> {
    /// As [`add`](World::add), for a machine of any protocol; the key is the way to it.
    ///
    /// # Panics
    /// With more than 2^24 - 2 nodes.
    pub fn add_of<M>(&mut self, mut make: impl FnMut(Boot) -> M + 'static) -> NodeKey<M>
    where
        M: Machine<Event: Serialize> + 'static,
    {
        let node = self.add(move |boot| AnyMachine::new(make(boot)));
        NodeKey { node, kind: PhantomData }
    }

    /// As [`machine`](World::machine): a node's machine, for questions; `None` where no process is.
    ///
    /// # Panics
    /// The key is another world's, and this one has no such node of that kind.
    pub fn machine_of<M: Machine + 'static>(&self, key: NodeKey<M>) -> Option<&M> {
        let machine = self.machine(key.node)?;
        Some(machine.0.as_any().downcast_ref().unwrap_or_else(|| another::<M>(key)))
    }

    /// As [`command`](World::command): gives a machine a command; `None` if it does not run.
    ///
    /// # Panics
    /// The key is another world's, and this one has no such node of that kind.
    pub fn command_to<M: Machine + 'static>(
        &mut self,
        key: NodeKey<M>,
        command: M::Command,
    ) -> Option<Result<M::Reply, M::Refusal>> {
        self.ask(key.node, |machine, now| {
            let machine: &mut M = machine.0.as_any_mut().downcast_mut().unwrap_or_else(|| another::<M>(key));
            machine.command(now, command)
        })
    }
}

/// # Panics
/// Always.
fn another<M>(key: NodeKey<M>) -> ! {
    panic!("{key:?} is another world's: that node is no {} here", type_name::<M>())
}

impl AnyMachine {
    /// A machine without its types.
    pub fn new<M: Machine<Event: Serialize> + 'static>(machine: M) -> Self {
        AnyMachine(Box::new(machine))
    }
}

impl Machine for AnyMachine {
    /// None: see [`World::command_to`].
    type Command = Infallible;
    type Reply = Infallible;
    type Refusal = Infallible;
    type Event = AnyEvent;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.0.handle(now, input);
    }

    fn command(&mut self, _: Time, none: Infallible) -> Result<Infallible, Infallible> {
        match none {}
    }

    fn poll(&mut self) -> Option<Output<AnyEvent>> {
        self.0.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.0.poll_timeout()
    }
}

impl AnyEvent {
    /// The event, if a machine of this kind tells it.
    pub fn of<M: Machine + 'static>(&self) -> Option<&M::Event> {
        self.0.as_any().downcast_ref().map(|Event::<M>(event)| event)
    }
}

/// It counts in a [`Trace`](super::Trace) with the octets of the event that it is.
impl Serialize for AnyEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let octets = self.0.octets().map_err(S::Error::custom)?;
        serializer.serialize_bytes(&octets)
    }
}

/// A [`Machine`] without its types.
trait Erased {
    fn handle(&mut self, now: Time, input: Input<'_>);
    fn poll(&mut self) -> Option<Output<AnyEvent>>;
    fn poll_timeout(&self) -> Option<Wake>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<M: Machine<Event: Serialize> + 'static> Erased for M {
    fn handle(&mut self, now: Time, input: Input<'_>) {
        Machine::handle(self, now, input);
    }

    fn poll(&mut self) -> Option<Output<AnyEvent>> {
        let output = Machine::poll(self)?;
        Some(output.map_event(|event| AnyEvent(Box::new(Event::<M>(event)))))
    }

    fn poll_timeout(&self) -> Option<Wake> {
        Machine::poll_timeout(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// An event of one kind of machine: two kinds may tell values of one type.
struct Event<M: Machine>(M::Event);

/// An [`Event`] without its types.
trait Told {
    fn octets(&self) -> postcard::Result<Vec<u8>>;
    fn as_any(&self) -> &dyn Any;
}

impl<M: Machine<Event: Serialize> + 'static> Told for Event<M> {
    fn octets(&self) -> postcard::Result<Vec<u8>> {
        postcard::to_extend(&self.0, Vec::new())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

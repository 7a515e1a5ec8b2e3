//! Machines of different kinds behind one trait.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use egoist_core::kernel::{Input, Machine, Output, Time, Wake};

use crate::host::Host;
use crate::net::Net;

/// Which machine of a driver, whatever its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MachineId(pub(crate) usize);

/// Which of all drivers of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DriverId(usize);

impl DriverId {
    /// One that no other driver has.
    pub(crate) fn unique() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        DriverId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Which machine of which driver, and its kind: the way to ask and command it.
pub struct Key<M> {
    driver: DriverId,
    id: MachineId,
    kind: PhantomData<fn() -> M>,
}

impl<M> Key<M> {
    pub(crate) const fn new(driver: DriverId, id: MachineId) -> Self {
        Key { driver, id, kind: PhantomData }
    }

    /// Which machine of this driver it is.
    ///
    /// # Panics
    /// The key is another driver's.
    pub(crate) fn at(self, driver: DriverId) -> MachineId {
        assert!(self.driver == driver, "{self:?} is that of another driver's machine");
        self.id
    }

    /// The same without the kind.
    pub const fn id(self) -> MachineId {
        self.id
    }
}

impl<M> Clone for Key<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Key<M> {}

impl<M> fmt::Debug for Key<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id.0)
    }
}

/// Stands for an event that its machine's [`Slot`] holds until the [`Sink`] fetches it.
pub(crate) struct Held;

/// A [`Machine`] without its types.
pub(crate) trait Erased {
    fn handle(&mut self, now: Time, input: Input<'_>);
    fn poll(&mut self) -> Option<Output<Held>>;
    fn poll_timeout(&self) -> Option<Wake>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// A machine and the event that it told last.
pub(crate) struct Slot<M: Machine> {
    pub(crate) machine: M,
    event: Option<M::Event>,
}

impl<M: Machine> Slot<M> {
    pub(crate) const fn new(machine: M) -> Self {
        Slot { machine, event: None }
    }
}

impl<M: Machine + 'static> Erased for Slot<M> {
    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.machine.handle(now, input);
    }

    fn poll(&mut self) -> Option<Output<Held>> {
        let output = self.machine.poll()?;
        Some(output.map_event(|event| {
            self.event = Some(event);
            Held
        }))
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.machine.poll_timeout()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Takes the event that a machine holds to the closure given for that machine.
pub(crate) trait Sink<N: Net> {
    fn deliver(&mut self, host: &mut Host<N>);
}

/// The [`Sink`] of one kind of machine.
pub(crate) struct EventSink<M, F> {
    pub(crate) key: Key<M>,
    pub(crate) on_event: F,
}

impl<N: Net, M: Machine + 'static, F: FnMut(&mut Host<N>, M::Event)> Sink<N> for EventSink<M, F> {
    fn deliver(&mut self, host: &mut Host<N>) {
        if let Some(event) = host.slot_mut(self.key).event.take() {
            (self.on_event)(host, event);
        }
    }
}

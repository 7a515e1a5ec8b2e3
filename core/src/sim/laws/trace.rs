//! What was done and said in turn, and the laws that can be read off it.

use core::fmt::Debug;

use std::collections::{BTreeMap, BTreeSet};

use super::Lawful;
use super::bench::Bench;
use super::script::{Act, Script};
use crate::kernel::{ConnId, Output, StoreOp, Ticket};

/// Each step with what the machine said to it; what it said at construction comes first, with no act.
pub(super) type Trace<'s, C, E> = Vec<(Option<&'s Act<C>>, Vec<Output<E>>)>;

/// A broken law: at which step, and how.
pub(super) type Finding = (usize, String);

/// Runs a script on a fresh machine, draining after each step.
pub(super) fn record<M: Lawful>(script: &Script<M>, mut bench: Bench<M>) -> Trace<'_, M::Command, M::Event> {
    let mut trace = vec![(None, core::mem::take(&mut bench.outputs))];
    for step in &script.steps {
        bench.apply(step, None);
        bench.drain();
        trace.push((Some(&step.act), core::mem::take(&mut bench.outputs)));
    }
    trace
}

/// Each output with its step, after `given` has been told of the step's act.
fn walk<C, E, S>(
    trace: &Trace<'_, C, E>,
    mut state: S,
    given: impl Fn(&mut S, &Act<C>),
    said: impl Fn(&mut S, &Output<E>) -> Result<(), String>,
) -> Result<(), Finding> {
    for (n, (act, outputs)) in trace.iter().enumerate() {
        if let Some(act) = act {
            given(&mut state, act);
        }
        for output in outputs {
            said(&mut state, output).map_err(|what| (n.saturating_sub(1), what))?;
        }
    }
    Ok(())
}

/// What a machine may name.
#[derive(Default)]
struct Named {
    open: BTreeSet<ConnId>,
    tickets: BTreeSet<Ticket>,
    done: bool,
}

impl Named {
    fn given<C>(&mut self, act: &Act<C>) {
        match act {
            Act::Opened { conn, .. } => _ = self.open.insert(*conn),
            Act::Closed { conn, .. } => _ = self.open.remove(conn),
            _ => {}
        }
    }

    /// Whether the output names what is there.
    fn allows<E>(&mut self, output: &Output<E>) -> bool {
        match output {
            _ if self.done => false,
            Output::Send { conn, .. } | Output::Reading { conn, .. } => self.open.contains(conn),
            Output::Close { conn, .. } => self.open.remove(conn),
            Output::Dial { ticket, .. }
            | Output::Store { ticket, .. }
            | Output::Load { ticket, .. }
            | Output::Scan { ticket, .. } => self.tickets.insert(*ticket),
            Output::Datagram { .. } | Output::Event(_) => true,
            Output::Done => {
                self.done = true;
                true
            }
        }
    }
}

/// Law 5.
pub(super) fn names_what_is_open<C, E: Debug>(trace: &Trace<'_, C, E>) -> Result<(), Finding> {
    walk(trace, Named::default(), Named::given, |named, output| {
        if named.allows(output) {
            Ok(())
        } else {
            Err(format!("{output:?} names what is closed, or was used before, or comes after the end"))
        }
    })
}

/// Law 7.
pub(super) fn little_is_in_flight<C, E: Debug>(
    trace: &Trace<'_, C, E>,
    window: usize,
) -> Result<(), Finding> {
    let given = |in_flight: &mut BTreeMap<ConnId, usize>, act: &Act<C>| {
        if let Act::Flushed { conn, n } = act {
            in_flight.entry(*conn).and_modify(|octets| *octets = octets.saturating_sub(*n));
        }
    };
    walk(trace, BTreeMap::new(), given, |in_flight, output| {
        let Output::Send { conn, frame, .. } = output else { return Ok(()) };
        let octets = in_flight.entry(*conn).or_default();
        let alone = *octets == 0;
        *octets += frame.len();
        let fine = alone || *octets <= window;
        if fine { Ok(()) } else { Err(format!("{octets} octets are in flight on {conn:?}")) }
    })
}

/// Law 27.
pub(super) fn little_is_unanswered<C, E: Debug>(trace: &Trace<'_, C, E>) -> Result<(), Finding> {
    let given = |waiting: &mut BTreeMap<Ticket, usize>, act: &Act<C>| {
        if let Act::Stored { ticket, .. } | Act::Loaded { ticket, .. } | Act::Scanned { ticket, .. } = act {
            waiting.remove(ticket);
        }
    };
    walk(trace, BTreeMap::new(), given, |waiting, output| {
        match output {
            Output::Store { ticket, ops, .. } => {
                if let Some(op) = ops.iter().find(|op| op.key.len() > StoreOp::KEY) {
                    return Err(format!("{ticket:?} stores under a key of {} octets", op.key.len()));
                }
                waiting.insert(*ticket, ops.iter().map(StoreOp::weight).sum());
            }
            Output::Load { ticket, .. } | Output::Scan { ticket, .. } => _ = waiting.insert(*ticket, 0),
            _ => return Ok(()),
        }
        let (tickets, octets) = (waiting.len(), waiting.values().sum::<usize>());
        let fine = tickets <= Ticket::UNANSWERED && octets <= StoreOp::UNANSWERED;
        if fine { Ok(()) } else { Err(format!("{tickets} tickets and {octets} octets are unanswered")) }
    })
}

/// What a machine that keeps state waits for before it may speak.
#[derive(Default)]
struct Gate {
    waiting: BTreeSet<Ticket>,
    failed: bool,
}

/// Law 10.
pub(super) fn nothing_before_loaded<C, E: Debug>(trace: &Trace<'_, C, E>) -> Result<(), Finding> {
    let loads = |output: &Output<E>| match output {
        Output::Load { ticket, .. } | Output::Scan { ticket, .. } => Some(*ticket),
        _ => None,
    };
    let waiting = trace[0].1.iter().filter_map(loads).collect();
    walk_gate(trace, Gate { waiting, failed: false })
}

fn walk_gate<C, E: Debug>(trace: &Trace<'_, C, E>, mut gate: Gate) -> Result<(), Finding> {
    for (n, (act, outputs)) in trace.iter().enumerate() {
        if gate.waiting.is_empty() && !gate.failed {
            return Ok(());
        }
        if act.is_some_and(|act| gate.opens(act)) {
            return Ok(());
        }
        for output in outputs {
            if let Output::Store { ticket, .. } = output {
                gate.waiting.insert(*ticket);
            }
        }
        let speaks = |output: &&Output<E>| {
            matches!(output, Output::Send { .. } | Output::Dial { .. } | Output::Datagram { .. })
        };
        if let Some(output) = outputs.iter().find(speaks).filter(|_| !gate.waiting.is_empty() || gate.failed)
        {
            return Err((n.saturating_sub(1), format!("{output:?} before its state was there and durable")));
        }
    }
    Ok(())
}

impl Gate {
    /// Whether this act was the last store that the machine waited for. The last load may still be followed by one.
    fn opens<C>(&mut self, act: &Act<C>) -> bool {
        match act {
            Act::Loaded { ticket, .. } | Act::Scanned { ticket, .. } => {
                self.waiting.remove(ticket);
                false
            }
            Act::Stored { ticket, result } if self.waiting.remove(ticket) => {
                self.failed = result.is_err();
                result.is_ok() && self.waiting.is_empty()
            }
            _ => false,
        }
    }
}

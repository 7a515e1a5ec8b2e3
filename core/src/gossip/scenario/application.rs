//! What the applications of nodes do in scenarios: they want to hear, and judge. And what they look for.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::super::{Command, Event, Gossip, Standing};
use super::{Difference, Order, TYPE};
use crate::kernel::{Machine, Time};
use crate::sim::faults::{self, Action, Agenda};
use crate::sim::scenario::{Protocol, Script, Step, Watch};
use crate::sim::{World, node_at};

/// How soon the application answers.
const VERDICT: Duration = Duration::from_millis(10);

/// A machine that is a gossip node, or has one in it.
pub trait Gossiper: Machine + 'static {
    /// The node.
    fn gossip(&self) -> &Gossip;

    /// What the machine is asked, for the node to be asked this.
    fn asked(command: Command) -> Self::Command;

    /// What the node told, if it was the node.
    fn told(event: &Self::Event) -> Option<&Event>;

    /// Whether it told that somebody broke a rule.
    fn tells_of_misbehaviour(event: &Self::Event) -> bool {
        matches!(Self::told(event), Some(Event::Misbehaved { .. }))
    }
}

impl Gossiper for Gossip {
    fn gossip(&self) -> &Gossip {
        self
    }

    fn asked(command: Command) -> Command {
        command
    }

    fn told(event: &Event) -> Option<&Event> {
        Some(event)
    }
}

/// The number of a message.
fn number(data: &Bytes) -> u16 {
    data.first_chunk().map_or(0, |octets| u16::from_be_bytes(*octets))
}

const fn is_valid(number: u16) -> bool {
    number.is_multiple_of(2)
}

/// The valid messages that a node has and would pass on.
fn spread(node: &Gossip) -> BTreeSet<u16> {
    let valid = node.cache().filter(|entry| matches!(entry.standing, Standing::Valid(_)));
    valid.map(|entry| number(&entry.announce.data)).filter(|number| is_valid(*number)).collect()
}

/// What the nodes' applications do: they want to hear, and judge. And what they look for.
#[derive(Default)]
pub struct Application {
    /// Messages to be judged.
    waiting: Vec<(usize, u16, u16)>,
    /// What each node has told of since it started.
    told: BTreeSet<(usize, u16)>,
    /// Who ever had a link with whom.
    links: BTreeSet<(usize, usize)>,
    wrong: Option<Difference>,
}

impl<P> Watch<P> for Application
where
    P: Protocol<Machine: Gossiper, Order = Order, Difference = Difference>,
{
    fn hear(&mut self, _: Time, node: usize, event: &<P::Machine as Machine>::Event) {
        if P::Machine::tells_of_misbehaviour(event) {
            self.wrong = Some(Difference::Misbehaved { node });
        }
        match P::Machine::told(event) {
            Some(Event::PeerUp { remote, .. }) => {
                if let Some((other, _)) = node_at(*remote) {
                    self.links.extend([(node, other), (other, node)]);
                }
            }
            Some(Event::Message { id, data, waits, .. }) => self.told_of(node, *id, number(data), *waits),
            _ => {}
        }
    }

    fn pass(
        &mut self,
        script: &Script<P>,
        world: &mut World<P::Machine>,
        agenda: &mut Agenda<P::Machine>,
        time: Duration,
    ) -> Result<(), Difference> {
        let end = world.now() + time;
        while world.now() < end {
            let slice = VERDICT.min(end.since(world.now()));
            agenda.pass(world, slice, |at, node, event| Watch::<P>::hear(self, at, node, &event));
            (0..script.nodes()).for_each(|node| self.begin(world, node));
            self.judge(world);
            self.stray(script)?;
            self.wrong.take().map_or(Ok(()), Err)?;
        }
        Ok(())
    }
}

impl Application {
    fn told_of(&mut self, node: usize, id: u16, message: u16, waits: bool) {
        if !self.told.insert((node, message)) && is_valid(message) {
            self.wrong = Some(Difference::Twice { node, message });
        }
        if waits {
            self.waiting.push((node, id, message));
        }
    }

    /// A node that has started is told what its application wants to hear of.
    fn begin<M: Gossiper>(&mut self, world: &mut World<M>, node: usize) {
        let is_new = world
            .machine(node)
            .map(M::gossip)
            .is_some_and(|node| !node.has_left() && node.registrations().count() == 0);
        let subscribe = M::asked(Command::Subscribe { data_type: TYPE });
        if is_new && world.command(node, subscribe).is_some() {
            self.told.retain(|(at, _)| *at != node);
            self.waiting.retain(|(at, _, _)| *at != node);
        }
    }

    /// Gives the verdicts that are due, at the nodes that run.
    fn judge<M: Gossiper>(&mut self, world: &mut World<M>) {
        self.waiting.retain(|(node, id, message)| {
            let verdict = M::asked(Command::Validate { id: *id, valid: is_valid(*message) });
            world.command(*node, verdict).is_none()
        });
    }

    /// An invalid message comes to those with whom its announcer has, or had, a link.
    fn stray<P: Protocol<Order = Order>>(&self, script: &Script<P>) -> Result<(), Difference> {
        let invalid = self.told.iter().filter(|(_, message)| !is_valid(*message));
        for &(node, message) in invalid {
            let mut announcers = script.steps.iter().filter_map(|step| match step {
                Step::Order { node, order: Order::Announce(number) } if *number == message => Some(*node),
                _ => None,
            });
            if !announcers.any(|from| from == node || self.links.contains(&(from, node))) {
                return Err(Difference::Strayed { node, message });
            }
        }
        Ok(())
    }
}

/// Whether each member has every valid message that any has.
pub(crate) fn all_have_the_same<P>(script: &Script<P>, world: &World<P::Machine>) -> Result<(), Difference>
where
    P: Protocol<Machine: Gossiper>,
{
    let members = script.members(world).into_iter().map(|(node, member)| (node, member.gossip()));
    let here = members.filter(|(_, member)| !member.has_left());
    let held: BTreeMap<usize, BTreeSet<u16>> = here.map(|(node, member)| (node, spread(member))).collect();
    for (&at, messages) in &held {
        for (&node, others) in &held {
            if let Some(&message) = messages.difference(others).next() {
                return Err(Difference::Missing { node, message, at });
            }
        }
    }
    Ok(())
}

/// A step for these numbers: every third is an order, of those one of sixteen to leave, if the node may.
pub(crate) fn fault_or_order<P: Protocol>(
    script: &Script<P>,
    choices: faults::Choices,
    may_leave: impl Fn(usize) -> bool,
) -> Step<Order> {
    let [kind, node, message, what, other] = choices;
    if other % 3 != 0 {
        let choices = [kind, node, message, what, other / 3];
        return Step::Fault(Action::chosen(choices, script.severity()));
    }
    let node = usize::from(node) % script.nodes();
    let leaves = what % 16 == 15 && may_leave(node);
    Step::Order { node, order: if leaves { Order::Leave } else { Order::Announce(message) } }
}

//! Oracles: what is true of a world of overlay nodes once it has come to rest, judged from outside.
//!
//! Each takes the *members*, the nodes that run and are to find each other, by their number in the world, and names the
//! first thing that is not so. None trusts what the nodes computed: edges are formed from what each member's own record
//! says, distances by Floyd and Warshall. News on its way makes any of them fail for a moment; ask again until all hold,
//! within a stated time.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::database::{Entry, LinkMode};
use super::link::{Mine, Theirs};
use super::machine::{NeighborView, Overlay};
use super::names::{Key, NodeId};
use super::wire::{Hash, ListedRole};

/// A member: its number in the world, and the node.
pub type Member<'a> = (usize, &'a Overlay);

/// What every member was told, as far as it bounds its links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Which way links are used.
    pub links: LinkMode,
    /// How many neighbours a node chooses; `None` for any number (full mesh).
    pub k: Option<usize>,
    /// How many may choose a node; `None` for any number.
    pub in_degree: Option<usize>,
    /// Guests beyond that.
    pub guests: usize,
    /// Whether the policy connects everybody. Neighbours at random may leave an overlay in parts, which then know little
    /// of each other.
    pub connects: bool,
}

/// The first thing that is not as it should be. Members are named by their number in the world.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    /// A member has no identity yet.
    #[error("node {node} does not run")]
    Idle {
        /// The member.
        node: usize,
    },
    /// A member has no record of a member.
    #[error("node {node} has no record of node {of}")]
    Missing {
        /// Who lacks it.
        node: usize,
        /// Whose record.
        of: usize,
    },
    /// A member has another record of a member than that member itself.
    #[error("node {node} has {has:?} of node {of}, whose own record is {own:?}")]
    Record {
        /// Who has it.
        node: usize,
        /// Whose record.
        of: usize,
        /// What it has.
        has: (Key, Hash),
        /// What that member has of itself.
        own: (Key, Hash),
    },
    /// A member has marked a member absent.
    #[error("node {node} has marked node {of} absent")]
    Absent {
        /// Who.
        node: usize,
        /// Whom.
        of: usize,
    },
    /// Two members have different records of somebody who is gone.
    #[error("nodes {one} and {other} have different records of {gone}, who is gone")]
    Gone {
        /// A member.
        one: usize,
        /// Another.
        other: usize,
        /// Whose record.
        gone: NodeId,
    },
    /// No path leads from a member to another.
    #[error("no path leads from node {from} to node {to}")]
    Unreachable {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
    },
    /// A member's route costs something else than the shortest path.
    #[error("node {from} reaches node {to} at {told:?} and the shortest path costs {shortest:?}")]
    Route {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
        /// What the member says.
        told: Option<u32>,
        /// What it is.
        shortest: Option<u32>,
    },
    /// A member's route begins with a link from which no shortest path goes on.
    #[error("node {from} goes to node {to} through {hop:?}, which is on no shortest path")]
    Hop {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
        /// The first hop, if the member names one.
        hop: Option<NodeId>,
    },
    /// A member's route is not the shortest path in what it knows itself.
    #[error("node {node} reaches {to} at {told:?} and in what it knows the shortest path costs {shortest:?}")]
    View {
        /// The member.
        node: usize,
        /// To whom.
        to: NodeId,
        /// What the member says.
        told: Option<u32>,
        /// What it is.
        shortest: Option<u32>,
    },
    /// A member chooses more others than it may.
    #[error("node {node} chooses {chosen} others, and {allowed} are allowed")]
    OutDegree {
        /// The member.
        node: usize,
        /// How many it chooses.
        chosen: usize,
        /// How many it may.
        allowed: usize,
    },
    /// A member's events tell of other choices than it has.
    #[error("what node {node} tells of its choices is not what they are")]
    Untold {
        /// The member.
        node: usize,
    },
    /// More have chosen a member than it may have.
    #[error("{choosers} others and {guests} guests have chosen node {node}: more than it may have")]
    InDegree {
        /// The member.
        node: usize,
        /// Who chose it in the regular way.
        choosers: usize,
        /// Guests.
        guests: usize,
    },
    /// A member has a link to itself.
    #[error("node {node} has a link to itself")]
    Itself {
        /// The member.
        node: usize,
    },
    /// A member has a link to nobody who runs.
    #[error("node {node} has a link to {peer}, who is no member")]
    Stranger {
        /// The member.
        node: usize,
        /// The neighbour.
        peer: NodeId,
    },
    /// The two ends of a link do not agree on who chose whom.
    #[error("node {node} chose node {peer}: {says}; node {peer} says {heard}")]
    Disagreement {
        /// The one who chose, or did not.
        node: usize,
        /// The other.
        peer: usize,
        /// What the first says.
        says: bool,
        /// What the other says of it.
        heard: bool,
    },
    /// Payloads do not arrive where a route leads.
    #[error("nothing that node {from} sends arrives at node {to}, and it has a route")]
    Undelivered {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
    },
    /// What is promised while a fault stands does not hold.
    #[error("while a fault stands: {difference}")]
    Standing {
        /// What is not so.
        difference: Box<Difference>,
    },
    /// A payload was lost, and nobody told its sender, though no link failed meanwhile.
    #[error("a payload from node {from} to node {to} did not arrive, and its sender was not told")]
    Vanished {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
    },
    /// A payload went over links and arrived twice.
    #[error("a payload from node {from} arrived twice at node {to}")]
    Twice {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
    },
    /// A payload arrived, and its sender was told that it was lost.
    #[error("a payload from node {from} arrived at node {to}, and its sender was told that it was lost")]
    ToldAndArrived {
        /// From here.
        from: usize,
        /// To here.
        to: usize,
    },
    /// News goes around without an end.
    #[error("{frames} frames within a second: news goes around without an end")]
    Storm {
        /// How many were sent.
        frames: u64,
    },
}

/// All oracles, one after the other.
///
/// # Errors
/// The first [`Difference`].
pub fn all(members: &[Member<'_>], rules: &Rules) -> Result<(), Difference> {
    if rules.connects {
        databases(members)?;
        reachability(members, rules.links)?;
        routes(members, rules.links)?;
    }
    degrees(members, rules)?;
    agreement(members)
}

/// Every member holds the record that each member holds of itself: the same key and hash, not marked absent. Records of
/// others, who are gone, each node drops by its own clock; where two hold one, it is the same.
///
/// # Errors
/// The first [`Difference`].
pub fn databases(members: &[Member<'_>]) -> Result<(), Difference> {
    let own = own_records(members)?;
    let mut gone: BTreeMap<NodeId, (usize, Key, Hash)> = BTreeMap::new();
    for &(node, member) in members {
        for (of, record) in own.values() {
            compare(node, *of, member.database().get(record.id()), record)?;
        }
        for entry in member.database().entries().filter(|e| !own.contains_key(&e.id())) {
            let here = (node, entry.key(), entry.hash());
            let first = *gone.entry(entry.id()).or_insert(here);
            if (first.1, first.2) != (here.1, here.2) {
                return Err(Difference::Gone { one: first.0, other: node, gone: entry.id() });
            }
        }
    }
    Ok(())
}

fn compare(node: usize, of: usize, has: Option<&Entry>, own: &Entry) -> Result<(), Difference> {
    let Some(has) = has else { return Err(Difference::Missing { node, of }) };
    let (has_key, own_key) = ((has.key(), has.hash()), (own.key(), own.hash()));
    match has {
        _ if has_key != own_key => Err(Difference::Record { node, of, has: has_key, own: own_key }),
        _ if has.is_absent() => Err(Difference::Absent { node, of }),
        _ => Ok(()),
    }
}

/// A path of effective edges leads from every member to every other.
///
/// # Errors
/// The first [`Difference`].
pub fn reachability(members: &[Member<'_>], links: LinkMode) -> Result<(), Difference> {
    let truth = Paths::new(members, links)?;
    for (from, row) in truth.distances.iter().enumerate() {
        if let Some(to) = row.iter().position(Option::is_none) {
            return Err(Difference::Unreachable { from: members[from].0, to: members[to].0 });
        }
    }
    Ok(())
}

/// Every member's routes to every other cost what the shortest path costs, and begin with a link that a shortest path
/// goes through.
///
/// # Errors
/// The first [`Difference`].
pub fn routes(members: &[Member<'_>], links: LinkMode) -> Result<(), Difference> {
    let truth = Paths::new(members, links)?;
    for (i, &(from, member)) in members.iter().enumerate() {
        let told: BTreeMap<NodeId, _> = member.routes().into_iter().map(|r| (r.id, r)).collect();
        for (j, &(to, _)) in members.iter().enumerate().filter(|(j, _)| *j != i) {
            let Some(route) = told.get(&truth.ids[j]) else {
                return Err(Difference::Missing { node: from, of: to });
            };
            let shortest = truth.distances[i][j];
            if route.cost != shortest {
                return Err(Difference::Route { from, to, told: route.cost, shortest });
            }
            if !truth.begins_shortest(i, j, route.next_hop) {
                return Err(Difference::Hop { from, to, hop: route.next_hop });
            }
        }
    }
    Ok(())
}

/// Each member's routes, those that it tells and those that payloads take, are the shortest paths in what it knows itself,
/// over edges that both ends list, at any moment and whatever goes wrong: a link that one end has given up is used by
/// nobody who has heard of it.
///
/// # Errors
/// The first [`Difference`].
pub fn views(members: &[Member<'_>], links: LinkMode) -> Result<(), Difference> {
    for &(node, member) in members {
        let Some(me) = member.id() else { continue };
        let truth = Paths::among(member.database().entries().filter(|e| !e.is_absent()).collect(), links);
        let Some(from) = truth.ids.iter().position(|id| *id == me) else { continue };
        let in_force = member.routes_in_force().unwrap_or_default();
        for route in member.routes().into_iter().chain(in_force) {
            let to = truth.ids.iter().position(|id| *id == route.id);
            let shortest = to.and_then(|to| truth.distances[from][to]);
            let begins = to.is_none_or(|to| truth.begins_shortest(from, to, route.next_hop));
            if route.cost != shortest || !begins {
                return Err(Difference::View { node, to: route.id, told: route.cost, shortest });
            }
        }
    }
    Ok(())
}

/// Nobody chooses more than k others, at any moment and whatever goes wrong: links given up once their replacement stands
/// aside, and those that bring parts of an overlay together until the next decision.
///
/// # Errors
/// The first [`Difference`].
pub fn choices(members: &[Member<'_>], rules: &Rules) -> Result<(), Difference> {
    for &(node, member) in members {
        let chosen = member.neighbors().iter().filter(|n| n.mine == Mine::Chosen).count();
        if let Some(allowed) = rules.k.filter(|k| chosen > *k) {
            return Err(Difference::OutDegree { node, chosen, allowed });
        }
    }
    Ok(())
}

/// Nobody chooses more than k others, is chosen by more than it may be, or has a link to itself.
///
/// # Errors
/// The first [`Difference`].
pub fn degrees(members: &[Member<'_>], rules: &Rules) -> Result<(), Difference> {
    choices(members, rules)?;
    for &(node, member) in members {
        let neighbors = member.neighbors();
        let count = |which: fn(&NeighborView) -> bool| neighbors.iter().filter(|n| which(n)).count();
        let choosers = count(|n| n.theirs == Theirs::Chosen);
        let guests = count(|n| matches!(n.theirs, Theirs::Guest { .. }));
        if rules.in_degree.is_some_and(|cap| choosers > cap) || guests > rules.guests {
            return Err(Difference::InDegree { node, choosers, guests });
        }
        if neighbors.iter().any(|n| Some(n.id) == member.id()) {
            return Err(Difference::Itself { node });
        }
    }
    Ok(())
}

/// Every link leads to a member or to one who only watches, and its two ends agree on who chose whom.
///
/// # Errors
/// The first [`Difference`].
pub fn agreement(members: &[Member<'_>]) -> Result<(), Difference> {
    let by_id: BTreeMap<NodeId, Member<'_>> = members.iter().filter_map(|m| Some((m.1.id()?, *m))).collect();
    for &(node, member) in members {
        for link in member.neighbors() {
            let watched = link.theirs == Theirs::Watching && link.mine == Mine::No;
            match by_id.get(&link.id) {
                None if watched => {}
                None => return Err(Difference::Stranger { node, peer: link.id }),
                Some(&(peer, other)) => {
                    let back = other.neighbors().into_iter().find(|n| Some(n.id) == member.id());
                    let heard = back.is_some_and(|n| chose_me(&n));
                    let says = link.mine != Mine::No;
                    if says != heard || back.is_none() {
                        return Err(Difference::Disagreement { node, peer, says, heard });
                    }
                }
            }
        }
    }
    Ok(())
}

fn chose_me(neighbor: &NeighborView) -> bool {
    matches!(neighbor.theirs, Theirs::Chosen | Theirs::Guest { .. })
}

/// What each member says of itself, by id, with its number.
fn own_records<'a>(members: &[Member<'a>]) -> Result<BTreeMap<NodeId, (usize, &'a Entry)>, Difference> {
    let mut own = BTreeMap::new();
    for &(node, member) in members {
        let id = member.id().ok_or(Difference::Idle { node })?;
        let entry = member.database().get(id).ok_or(Difference::Missing { node, of: node })?;
        own.insert(id, (node, entry));
    }
    Ok(own)
}

/// Shortest paths among the members, on the edges in effect as their own records have them.
struct Paths {
    ids: Vec<NodeId>,
    edges: Vec<Vec<Option<u32>>>,
    distances: Vec<Vec<Option<u32>>>,
}

impl Paths {
    fn new(members: &[Member<'_>], links: LinkMode) -> Result<Self, Difference> {
        let own = own_records(members)?;
        let ids = members.iter().filter_map(|(_, m)| m.id());
        Ok(Paths::among(ids.map(|id| own[&id].1).collect(), links))
    }

    /// Among the sources of these records.
    fn among(records: Vec<&Entry>, links: LinkMode) -> Self {
        let ids: Vec<NodeId> = records.iter().map(|entry| entry.id()).collect();
        let edge = |i: usize, j: usize| edge(links, records[i], records[j]);
        let n = ids.len();
        let edges: Vec<Vec<Option<u32>>> = (0..n).map(|i| (0..n).map(|j| edge(i, j)).collect()).collect();
        let mut paths = Paths { ids, distances: edges.clone(), edges };
        paths.floyd_warshall();
        paths
    }

    fn floyd_warshall(&mut self) {
        let n = self.ids.len();
        for i in 0..n {
            self.distances[i][i] = Some(0);
        }
        for via in 0..n {
            let rest = self.distances[via].clone();
            for row in &mut self.distances {
                let Some(first) = row[via] else { continue };
                for (to, far) in row.iter_mut().zip(&rest) {
                    let Some(far) = far.map(|far| first.saturating_add(far)) else { continue };
                    *to = Some(to.map_or(far, |to| to.min(far)));
                }
            }
        }
    }

    fn begins_shortest(&self, from: usize, to: usize, hop: Option<NodeId>) -> bool {
        let Some(shortest) = self.distances[from][to] else { return hop.is_none() };
        let through = hop.and_then(|hop| self.ids.iter().position(|id| *id == hop));
        let cost =
            through.and_then(|hop| Some(self.edges[from][hop]?.saturating_add(self.distances[hop][to]?)));
        cost == Some(shortest)
    }
}

/// What the edge between the sources of two records costs, by the rule that both ends must list it.
fn edge(links: LinkMode, from: &Entry, to: &Entry) -> Option<u32> {
    let (way, back) = (from.link(to.id())?, to.link(from.id())?);
    let stands = match links {
        LinkMode::Mutual => true,
        LinkMode::Directed => way.is_chosen() && matches!(back.role, ListedRole::In | ListedRole::Both),
    };
    stands.then(|| way.cost.micros())
}

#[cfg(test)]
mod tests;

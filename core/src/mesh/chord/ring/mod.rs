//! The Chord ring: who comes next, who is responsible for a key, and how that stays true while nodes join, leave and fail.
//!
//! A [`Member`] is one node's part as a value: events are its methods, [`Action`]s are what they return. It has no time, no
//! connections and no addresses: who drives it says when to stabilise, asks whom it names, and tells what came of that.
//!
//! # Positions
//!
//! py2p makes the nearest node *at or before* a key responsible, Chord the nearest at or behind. A [`Position`] is the
//! mirror image of an id or a key, so that this is Chord as it is published; "next" here is py2p's smaller id.
//!
//! # The protocol
//!
//! It is Chord as Pamela Zave corrected it ("Reasoning about Identifier Spaces: How to Make Chord Correct", IEEE
//! Transactions on Software Engineering 43, 2017; arXiv 1610.01140). Each node knows its predecessor and a list of the next
//! `R` nodes.
//!
//! | in the paper | here | what happens |
//! |---|---|---|
//! | Join | [`Member::admit`], [`Member::join`] | a node takes the list of the one behind which it has its place, and that one as predecessor |
//! | StabilizeFromSuccessor | [`Member::stabilise`], [`answered`](Member::answered) | a node asks its first successor and takes that one and its list. Is that one's predecessor nearer, it is asked next; otherwise the successor is notified |
//! | the same, of a dead one | [`Member::failed`] | the first entry goes, and the next is notified |
//! | StabilizeFromPredecessor | [`Member::answered`] | the nearer one becomes first successor, with its list, and is notified; if it is dead, the old one is |
//! | Rectify | [`Member::notified`] | who notifies is the predecessor if it is nearer than the old one, or the old one, asked, is dead |
//! | Fail | | nothing: others hear of it when they ask |
//! | | [`Member::leave`], [`departed`](Member::departed) | a failure that is told to both neighbours, with the keys handed over |
//!
//! Three things are different:
//!
//! - **A list ends at its owner.** The paper's lists have `R` entries at all times, which in a ring of fewer than `R + 1`
//!   would go round more than once; that is why it begins with a base of `R + 1` nodes. Here a list that comes round ends
//!   with its owner ([`Successors`]), so that a ring begins with one node: up to `R` nodes, everybody's list is the whole
//!   membership and says so.
//! - **A list may be short.** Where the paper fills a list up with a position that is nobody's, it has an entry less until
//!   the next answer. Both skip nobody.
//! - **Queries take time.** In the paper a node asks, is answered and takes the answer at once. Here anything may happen
//!   between; the invariants count the lists that are on their way as if they were held.
//!
//! # What holds
//!
//! Taken for granted is that `failed` is said of dead nodes alone, and that no failure
//!
//! 1. leaves a list, held or on its way, without a live entry: fewer than `R` neighbours in a row die before lists are
//!    repaired;
//! 2. takes the last *principal*, a member that no list skips. From the first node on there is one: without failures
//!    members only become principals, and in a ring at rest all are. The paper's stable base is `R + 1` of them.
//!
//! Then, in each state, whatever the order of events:
//!
//! | invariant | what holds |
//! |---|---|
//! | OneLiveSuccessor | each list has a live entry; the owner at its end counts |
//! | SufficientPrincipals | there is a principal |
//! | PrincipalsStay | a principal stays one until it fails or leaves |
//! | NoDuplicates | a list names nobody twice, and its owner at its end alone |
//! | OrderedSuccessorLists | entries follow each other within one round |
//! | AtLeastOneRing | first live successors, followed from anywhere, lead into a cycle |
//! | AtMostOneRing, ConnectedAppendages | from everywhere it is the same cycle |
//! | OrderedRing | it goes round once: no member of it lies between a member and its first live successor |
//! | BaseNotSkipped | all principals are in it |
//! | NobodyLost | nobody says [`Action::Lost`] |
//! | RangesTold | [`Action::Range`]s add up to [`Member::range`] |
//!
//! Why one principal is enough: what a list newly says, a step from one node to another, is a step that some list said
//! already or a part of one, or passes a dead node; so nobody who was not skipped is skipped later. And no member's first
//! live successor is past a principal: from everywhere the way leads to each principal, once around, and on.
//!
//! In the end, when nothing fails any more and everybody stabilises again and again, the ring is *ideal*: each list has the
//! `R` members that come next, or all, and each predecessor is right.
//!
//! Where the second assumption does not hold two rings may come to be, and nothing here joins them: the driver notices by
//! other means and joins again. Where the first does not, a node says [`Action::Lost`] and goes on with the nearest node
//! that it knows of. A living node that was taken for dead comes back by its own stabilising.
//!
//! `network` (behind the feature `sim`) is a whole ring as a value with these invariants, the walk through all its states,
//! and random schedules; the package `egoist-tests` has them at length, as the example `ring`.
//!
//! # Lookups
//!
//! [`Member::route`] is one step, strictly nearer to the key than the node that says it; who asks whom is the caller's
//! choice. Fingers make it short and are never needed for it: [`Member::next_finger`] says which key to look up next,
//! [`Member::finger`] takes what was found. During changes the owner that a lookup finds may have got a nearer predecessor;
//! it knows by its [`range`](Member::range).
//!
//! # How a machine drives it
//!
//! - At some period, [`Member::stabilise`]; at a longer one, [`Member::next_finger`] and a lookup of that.
//! - Each [`Action::Ask`] is answered by the other node's [`Member::snapshot`] and told [`Member::answered`], or
//!   [`Member::failed`] once that node is dead for certain. What was asked or said on a connection that has ended is of no
//!   account.
//! - A snapshot from the wire is checked by [`Successors::checked`].
//! - To join, ask anybody for [`Member::admit`] and whom that names, until there is a place; then [`Member::join`] and
//!   [`Member::stabilise`] at once.
//! - Upon [`Action::Range`] the store moves what it has; [`Member::replicas_of`] says where replicas belong.
//!
//! ```
//! use egoist_core::mesh::chord::ring::{Action, Actions, Admission, Member, Position, Route};
//!
//! type Node = Member<Position, 8>;
//!
//! /// Does at once what a machine does with frames: both nodes are here.
//! fn act(mut actions: Actions<Position>, me: &mut Node, other: &mut Node) {
//!     while let Some(action) = (!actions.is_empty()).then(|| actions.remove(0)) {
//!         match action {
//!             Action::Ask(node) if node == other.me() => actions.extend(me.answered(&other.snapshot())),
//!             Action::Ask(node) => actions.extend(me.failed(node)),
//!             Action::Notify(node) if node == other.me() => act(other.notified(me.me()), other, me),
//!             Action::Range(was, now) => println!("{:?}: {was:?} is now {now:?}", me.me()),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! let mut first = Node::alone(Position::of(&[7; 48]));
//! let mut second = Node::alone(Position::of(&[9; 48]));
//! let Admission::Here(place) = first.admit(second.me()) else { panic!("a ring of one has room") };
//! act(second.join(&place), &mut second, &mut first);
//! act(second.stabilise(), &mut second, &mut first);
//! act(first.stabilise(), &mut first, &mut second);
//! assert_eq!(first.predecessor(), Some(second.me()));
//! assert_eq!(first.successors().others().collect::<Vec<_>>(), [second.me()]);
//!
//! // The nearest id at or before a key is its owner.
//! let key = Position::of(&[8; 48]);
//! assert_eq!(second.route(key), Route::Owner(first.me()));
//! assert_eq!(first.replicas_of(key, 3).as_deref(), Some(&[first.me(), second.me()][..]));
//! ```
//!
//! # Bounds
//!
//! A list has `R` entries at most, whatever is said; fingers are at most one for each length of distance (384, about the
//! logarithm of the number of nodes in truth); one answer about the list and one about the predecessor are waited for. Each
//! event returns a few actions.

mod fingers;
mod lookup;
mod member;
#[cfg(any(test, feature = "sim"))]
pub mod network;
mod position;
mod space;
mod successors;
#[cfg(test)]
mod tests;

pub use lookup::{Admission, Route};
pub use member::{Action, Actions, Member};
pub use position::Position;
pub use space::{Range, Space};
pub use successors::{Disorder, Snapshot, Successors};

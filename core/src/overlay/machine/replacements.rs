//! Which choice takes the place of which, until the newer one stands.
//!
//! What replaces another may itself be replaced before it stands. Then all who had the place before are still linked with,
//! and what becomes of them is one question: they form a chain, from the newest, which alone is counted among the choices,
//! to the oldest.

use alloc::collections::BTreeMap;

use smallvec::SmallVec;

use crate::overlay::names::NodeId;

/// How far a replacement has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The decision is held back.
    Held,
    /// The other end has to list the link.
    Listing,
    /// Everybody has to hear of it.
    Spreading,
}

#[derive(Clone, Copy, Debug)]
struct Replacement {
    /// Who is to go; `None` once it is gone by itself.
    old: Option<NodeId>,
    stage: Stage,
}

/// The replacements under way, by the newer choice.
#[derive(Clone, Debug, Default)]
pub(super) struct Replacements(BTreeMap<NodeId, Replacement>);

impl Replacements {
    /// `new` takes the place of `old`, which goes once `new` stands.
    pub(super) fn begin(&mut self, new: NodeId, old: NodeId) {
        debug_assert!(new != old && self.newer(old).is_none(), "a place is taken over once");
        self.0.insert(new, Replacement { old: Some(old), stage: Stage::Held });
    }

    /// How far the replacement by `new` has come, if one is under way.
    pub(super) fn stage(&self, new: NodeId) -> Option<Stage> {
        self.0.get(&new).map(|replacement| replacement.stage)
    }

    /// The replacement by `new` has come so far.
    pub(super) fn advance(&mut self, new: NodeId, stage: Stage) {
        if let Some(replacement) = self.0.get_mut(&new) {
            replacement.stage = stage;
        }
    }

    /// Whether others may hear that `old` is about to go.
    pub(super) fn is_announced(&self, old: NodeId) -> bool {
        self.newer(old).and_then(|new| self.stage(new)).is_some_and(|stage| stage != Stage::Held)
    }

    /// `new` stands: all who had its place before can go.
    pub(super) fn stands(&mut self, new: NodeId) -> SmallVec<[NodeId; 4]> {
        let mut gone = SmallVec::new();
        let mut at = new;
        while let Some(old) = self.0.remove(&at).and_then(|replacement| replacement.old) {
            gone.push(old);
            at = old;
        }
        gone
    }

    /// `id` is no link any more, or no choice. Whom it was to replace is replaced by who was to replace `id`; if there is
    /// nobody, it is the answer: the place is its own again.
    pub(super) fn gone(&mut self, id: NodeId) -> Option<NodeId> {
        let older = self.0.remove(&id).and_then(|replacement| replacement.old);
        let newer = self.newer(id).and_then(|new| self.0.get_mut(&new));
        match newer {
            Some(newer) => {
                newer.old = older;
                None
            }
            None => older,
        }
    }

    /// Who takes the place of `old`.
    fn newer(&self, old: NodeId) -> Option<NodeId> {
        self.0.iter().find(|(_, replacement)| replacement.old == Some(old)).map(|(new, _)| *new)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use proptest::prelude::*;

    fn chain(of: &[u128]) -> Replacements {
        let mut replacements = Replacements::default();
        of.windows(2).for_each(|pair| replacements.begin(NodeId(pair[1]), NodeId(pair[0])));
        replacements
    }

    #[test]
    fn who_stands_ends_the_whole_chain_before_it() {
        let mut replacements = chain(&[1, 2, 3, 4]);
        assert_eq!(replacements.stands(NodeId(3)).as_slice(), [NodeId(2), NodeId(1)]);
        assert_eq!(replacements.gone(NodeId(4)), Some(NodeId(3)));
        assert!(replacements.is_empty());
    }

    #[test]
    fn who_goes_in_the_middle_leaves_the_older_to_the_newer() {
        let mut replacements = chain(&[1, 2, 3]);
        assert_eq!(replacements.gone(NodeId(2)), None);
        assert_eq!(replacements.stands(NodeId(3)).as_slice(), [NodeId(1)]);
        let mut replacements = chain(&[1, 2]);
        assert_eq!(replacements.gone(NodeId(1)), None);
        assert_eq!(replacements.stage(NodeId(2)), Some(Stage::Held), "it has to be listed all the same");
        assert_eq!(replacements.gone(NodeId(2)), None);
    }

    #[test]
    fn a_departure_is_announced_with_the_decision() {
        let mut replacements = chain(&[1, 2]);
        assert!(!replacements.is_announced(NodeId(1)) && !replacements.is_announced(NodeId(2)));
        replacements.advance(NodeId(2), Stage::Listing);
        assert!(replacements.is_announced(NodeId(1)));
    }

    proptest! {
        /// A place as a list, oldest first, is the model: its last is chosen, and the others are on their way out.
        #[test]
        fn a_chain_is_a_list_whose_last_is_chosen(steps in prop::collection::vec((0u8..3, any::<prop::sample::Index>()), 0..60)) {
            let (mut replacements, mut model, mut next) = (chain(&[]), vec![NodeId(0)], 0);
            for (step, which) in steps {
                match step {
                    0 => {
                        next += 1;
                        if let Some(&last) = model.last() {
                            replacements.begin(NodeId(next), last);
                        }
                        model.push(NodeId(next));
                    }
                    _ if model.is_empty() => {}
                    1 => {
                        let at = which.index(model.len());
                        let was_last = at + 1 == model.len();
                        let returns = replacements.gone(model.remove(at));
                        prop_assert_eq!(returns, model.last().copied().filter(|_| was_last));
                    }
                    _ => {
                        let at = which.index(model.len());
                        let mut gone: Vec<NodeId> = model.drain(..at).collect();
                        gone.reverse();
                        prop_assert_eq!(replacements.stands(model[0]).to_vec(), gone);
                    }
                }
                prop_assert!(replacements.0.len() <= model.len());
            }
        }
    }
}

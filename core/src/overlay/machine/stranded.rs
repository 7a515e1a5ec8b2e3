//! Who is there and is reached no more. With directed links the end of one link can cut a node off for everybody, and of all
//! those only who chose it looks for another at once: the others decide soon, too, instead of at their next epoch.

use core::time::Duration;

use super::{Overlay, Timer};
use crate::overlay::config::PolicyKind;

/// Between the news and the look, so that whoever lost a choice has replaced it, and not all decide on one view.
const LOOK: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
/// Such decisions between two epochs: nodes that link to each other alone are no reason to decide all the time.
const TRIES: u32 = 3;

impl Overlay {
    /// Somebody's links have changed: who was reached over them may be reached no more.
    pub(super) fn look_for_stranded(&mut self) {
        let decides = self.directed() && self.config.policy == PolicyKind::BestResponse;
        if decides && self.choosing.strandings < TRIES && self.timers.get(Timer::Stranded).is_none() {
            let wait = self.random.wiring.between(LOOK[0], LOOK[1]);
            self.timers.after(Timer::Stranded, wait);
        }
    }

    /// Decides on one link if somebody is there to whom no path leads.
    pub(super) fn reach_stranded(&mut self) {
        let measured = self.choosing.measured_at.is_some_and(|at| at <= self.timers.now());
        if !self.is_running() || !measured || !self.strands_somebody() {
            return;
        }
        if self.choosing.suits.is_empty() {
            self.choosing.strandings += 1;
            self.decide_one_link();
        }
        self.look_for_stranded();
    }

    fn strands_somebody(&mut self) -> bool {
        self.know_routes();
        let (Some(me), Some(tree)) = (self.me(), self.standing_tree()) else { return false };
        let mut others = (0..).zip(self.database.entries()).filter(|(_, entry)| entry.id() != me.id);
        others.any(|(dense, entry)| {
            entry.is_present() && tree.first_hop(dense).is_none() && self.has_edge(entry.id())
        })
    }
}

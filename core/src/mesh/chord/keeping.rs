//! What is answered as the node that is responsible.

use super::interface::{Contact, Failure};
use super::machine::Chord;
use super::question::{Answer, Question, Setting};
use super::ring::{Position, Range};
use super::store::{Record, Taken, Version};

impl Chord {
    pub(super) fn answer_here(&mut self, at: Position, question: Question) -> Answer {
        self.counters.answered += 1;
        match question {
            Question::Find => {
                let node = Contact { id: self.mesh.id(), addr: self.config.mesh.address };
                Answer::Found { node, hops: 0 }
            }
            Question::Get(place) => Answer::Record(self.shelf.get(&place).cloned()),
            Question::Set(setting) => self.set_here(setting),
            Question::Merge { .. } | Question::Deliver(_) => Answer::Failed(Failure::NobodyStores),
            Question::Walk { .. } => {
                let own = super::side::position(&self.mesh.id());
                let range = Range { after: at, to: own };
                Answer::Page { records: self.shelf.within(range).cloned().collect(), to: own }
            }
        }
    }

    fn set_here(&mut self, setting: Setting) -> Answer {
        let Setting { place, name, value, expires, if_present, .. } = setting;
        let before = self.shelf.get(&place).cloned();
        if if_present && before.as_ref().is_none_or(|record| record.value.is_none()) {
            return Answer::Kept { copies: 0, before };
        }
        let millis = self.unix_millis().unwrap_or(0);
        let count = before.as_ref().map_or(0, |record| record.version.count + 1);
        let version = Version { millis, count, node: self.mesh.id() };
        match self.shelf.take(Record { place, name, version, value, expires }) {
            Taken::Full => Answer::Failed(Failure::Full),
            Taken::Newer(_) | Taken::Older => Answer::Kept { copies: 1, before },
        }
    }
}

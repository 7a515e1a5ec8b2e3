//! Questions on their way to whoever is responsible, and their answers.

use super::machine::Chord;
use super::question::{Answer, Asker, Question};
use super::ring::Position;

impl Chord {
    /// Asks whoever is responsible for a position; [`told`](Self::told) says what came of it. Nothing is said of those that
    /// take too long: who asks knows how long he waits.
    pub(super) fn ask_ring(&mut self, asker: Asker, at: Position, question: Question) {
        let answer = self.answer_here(at, question);
        self.told(asker, answer);
    }

    /// An answer is there.
    pub(super) fn told(&mut self, asker: Asker, answer: Answer) {
        match asker {
            Asker::User(op) => self.user_told(op, answer),
            Asker::Py2p(number) => self.py2p_told(number, answer),
        }
    }
}

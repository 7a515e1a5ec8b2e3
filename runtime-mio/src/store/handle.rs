//! The loop's side of a machine's store: what is asked is handed over, and what is answered is told.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use egoist_core::kernel::{Input, Loaded, Page, Scanned, StoreError};

use super::memory::Memory;
use super::queue::{Answer, Answered, Answers, Ask, Executor};
use super::thread::Worker;
use super::{FileStore, LogStore, State, StateError, Store};
use crate::erase::MachineId;
use crate::handle::Shared;
use crate::host::Host;
use crate::net::Net;

/// A machine's store, as its station has it.
pub(crate) struct StoreHandle {
    place: Place,
    /// Asked in this drain.
    gathered: Vec<Ask>,
    /// What each ask that was handed over gets if its thread dies, in their order.
    unanswered: VecDeque<Answer>,
    /// Why its state could not be read or written, the last time.
    trouble: Option<StateError>,
    /// Whether some of its state was stored since it began.
    durable: bool,
}

enum Place {
    Memory(Executor),
    /// On a disk that nobody has asked for yet.
    Closed(Box<dyn Store>),
    Thread(Worker),
    /// Its thread could not be started, or has died.
    Lost,
}

impl StoreHandle {
    pub(crate) fn new(state: State) -> Self {
        match state {
            State::Memory => StoreHandle::at(Place::Memory(Executor::new(Box::<Memory>::default()))),
            State::File(folder) => StoreHandle::on(Box::new(FileStore::new(folder))),
            State::Log(folder) => StoreHandle::on(Box::new(LogStore::new(folder))),
        }
    }

    /// One on a store that may block.
    pub(crate) fn on(store: Box<dyn Store>) -> Self {
        StoreHandle::at(Place::Closed(store))
    }

    fn at(place: Place) -> Self {
        StoreHandle {
            place,
            gathered: Vec::new(),
            unanswered: VecDeque::new(),
            trouble: None,
            durable: false,
        }
    }

    pub(crate) fn ask(&mut self, ask: Ask) {
        self.gathered.push(ask);
    }

    /// Why the state could not be read or written, the last time.
    pub(crate) const fn trouble(&self) -> Option<&StateError> {
        self.trouble.as_ref()
    }

    /// Takes nothing more; what was handed over is finished.
    pub(crate) fn close(&mut self) {
        if let Place::Thread(worker) = &mut self.place {
            worker.close();
        }
    }

    /// Waits for what was handed over, until `deadline` at most.
    pub(crate) fn wait(&mut self, deadline: Instant) {
        if let Place::Thread(worker) = &mut self.place {
            worker.wait(deadline);
        }
    }

    /// Hands over what was gathered; what is answered at once.
    fn hand_over(&mut self, start: impl FnOnce(Box<dyn Store>) -> io::Result<Worker>) -> Option<Answers> {
        let asks = std::mem::take(&mut self.gathered);
        if asks.is_empty() {
            return None;
        }
        self.begin(start);
        match &mut self.place {
            Place::Memory(executor) => {
                let mut told = Answers::default();
                executor.serve(asks, |answers| told.list.extend(answers.list));
                Some(told)
            }
            Place::Thread(worker) => {
                self.unanswered.extend(asks.iter().map(lost));
                // A thread that has died has posted that, behind what it had answered: then these are answered too.
                let _ = worker.hand_over(asks);
                None
            }
            Place::Closed(_) | Place::Lost => {
                Some(Answers { list: asks.iter().map(lost).collect(), trouble: Some(StateError::Unserved) })
            }
        }
    }

    /// Starts the thread when it is first needed.
    fn begin(&mut self, start: impl FnOnce(Box<dyn Store>) -> io::Result<Worker>) {
        self.place = match std::mem::replace(&mut self.place, Place::Lost) {
            Place::Closed(store) => match start(store) {
                Ok(worker) => Place::Thread(worker),
                Err(error) => {
                    tracing::error!(%error, "no thread for a machine's state");
                    Place::Lost
                }
            },
            place => place,
        };
    }

    /// The thread has died: nobody answers what it was asked.
    fn lose(&mut self) -> Answers {
        self.place = Place::Lost;
        Answers { list: self.unanswered.drain(..).collect(), trouble: Some(StateError::Unserved) }
    }

    /// Notes how it went.
    fn note(&mut self, answers: &mut Answers) {
        let stored = |answer: &Answer| matches!(answer.what, Answered::Stored(Ok(())));
        let stored = answers.list.iter().any(stored);
        match (&answers.trouble, &self.trouble) {
            (Some(error), Some(_)) => tracing::debug!(%error, "state cannot be used still"),
            // Who has just begun cannot go on, and its host says why.
            (Some(error), None) if !self.durable => tracing::debug!(%error, "state cannot be used"),
            (Some(error), None) => {
                tracing::warn!(%error, "state cannot be stored: a later start would not know it");
            }
            (None, Some(_)) if stored => tracing::info!("state can be stored again"),
            (None, _) => {}
        }
        self.durable |= stored;
        if stored || answers.trouble.is_some() {
            self.trouble = answers.trouble.take();
        }
    }
}

impl<N: Net> Host<N> {
    /// Hands over what a machine asked of its store.
    pub(crate) fn ask_store(&mut self, id: MachineId) {
        let shared = &self.shared;
        let start = |store| Worker::start(store, posting(Arc::clone(shared), id));
        let station = &mut self.stations[id.0];
        let answers = station.store.hand_over(start);
        if station.done {
            station.store.close();
        }
        if let Some(answers) = answers {
            self.tell_answers(id, answers);
        }
    }

    /// Tells a machine what its store's thread answered.
    fn answered(&mut self, id: MachineId, answers: Answers) {
        self.stations[id.0].store.unanswered.drain(..answers.list.len());
        self.tell_answers(id, answers);
    }

    fn store_died(&mut self, id: MachineId) {
        let answers = self.stations[id.0].store.lose();
        self.tell_answers(id, answers);
    }

    fn tell_answers(&mut self, id: MachineId, mut answers: Answers) {
        self.stations[id.0].store.note(&mut answers);
        for Answer { ticket, what } in answers.list {
            match what {
                Answered::Stored(result) => self.tell(id, Input::Stored { ticket, result }),
                Answered::Loaded(found) => {
                    let value = match &found {
                        Ok(Some(octets)) => Loaded::Value(octets),
                        Ok(None) => Loaded::Absent,
                        Err(_) => Loaded::Failed,
                    };
                    self.tell(id, Input::Loaded { ticket, value });
                }
                Answered::Scanned(found) => {
                    let page = found.as_ref().map_or(Scanned::Failed, Page::scanned);
                    self.tell(id, Input::Scanned { ticket, page });
                }
            }
        }
    }
}

/// What is answered where nobody answers.
fn lost(ask: &Ask) -> Answer {
    Answer { ticket: ask.ticket, what: ask.what.refused(StoreError::Broken) }
}

/// Posts answers to the loop, and the death of the thread that gives them.
fn posting<N: Net>(shared: Arc<Shared<N>>, id: MachineId) -> impl FnMut(Answers) + Send + 'static {
    let line = Line { shared, id };
    move |answers| {
        let id = line.id;
        line.shared.post(Box::new(move |host| host.answered(id, answers)));
    }
}

struct Line<N: Net> {
    shared: Arc<Shared<N>>,
    id: MachineId,
}

impl<N: Net> Drop for Line<N> {
    fn drop(&mut self) {
        let id = self.id;
        if thread::panicking() {
            self.shared.post(Box::new(move |host| host.store_died(id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::queue::Asked;
    use bytes::Bytes;
    use egoist_core::kernel::{StoreOp, Ticket};
    use std::sync::mpsc::channel;

    /// Answers, and panics when it is to tidy up.
    struct Panicking;

    impl Store for Panicking {
        fn open(&mut self) -> Result<(), StateError> {
            Ok(())
        }

        fn write(&mut self, _: &[Vec<StoreOp>]) -> Result<(), StateError> {
            Ok(())
        }

        fn sync(&mut self) -> Result<(), StateError> {
            Ok(())
        }

        fn load(&mut self, _: &[u8]) -> Result<Option<Bytes>, StateError> {
            Ok(None)
        }

        fn scan(&mut self, _: &Bytes, _: Option<&Bytes>) -> Result<Page, StateError> {
            Ok(Page::default())
        }

        fn tidy(&mut self) -> bool {
            panic!("on purpose")
        }
    }

    #[test]
    fn what_was_answered_before_the_thread_died_is_not_answered_again() {
        let (told, answers) = channel();
        let mut handle = StoreHandle::on(Box::new(Panicking));
        let mut ask = |ticket| {
            handle.ask(Ask { ticket: Ticket(ticket), what: Asked::Load { key: Bytes::new() } });
            let told = told.clone();
            let now = handle.hand_over(|store| Worker::start(store, move |answers| _ = told.send(answers)));
            assert!(now.is_none(), "what was posted is told first");
            while let Place::Thread(worker) = &handle.place
                && worker.hand_over(Vec::new()).is_ok()
            {
                thread::yield_now();
            }
        };
        ask(1);
        ask(2);
        assert_eq!(answers.recv().unwrap().list.len(), 1);
        handle.unanswered.drain(..1);
        let lost: Vec<Ticket> = handle.lose().list.iter().map(|answer| answer.ticket).collect();
        assert_eq!(lost, [Ticket(2)]);
    }
}

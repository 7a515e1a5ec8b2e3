//! Echoes that somebody waits for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use egoist_mio::control::{Refusal, Responder, codes};
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Later};

/// Echoes that are waited for: as many as the node itself remembers.
const MOST: usize = 1024;

/// The echoes, by their numbers.
#[derive(Default)]
pub(crate) struct Echoes(Rc<RefCell<BTreeMap<u64, Awaited>>>);

/// An echo that somebody waits for.
pub(crate) struct Awaited {
    /// Where it went to.
    pub(crate) address: String,
    /// Who waits.
    pub(crate) responder: Responder,
    deadline: Later,
}

impl Echoes {
    /// Whether another echo may be waited for; those that nobody waits for any more are forgotten.
    pub(crate) fn have_room(&self, host: &mut Host<MioNet>) -> bool {
        if self.0.borrow().len() >= MOST {
            let gone = |(number, echo): (&u64, &Awaited)| (!echo.responder.is_open()).then_some(*number);
            let gone: Vec<u64> = self.0.borrow().iter().filter_map(gone).collect();
            gone.into_iter().for_each(|number| _ = self.settle(host, number));
        }
        self.0.borrow().len() < MOST
    }

    /// An echo is on its way to `address`; without an answer in time, `responder` says so.
    pub(crate) fn wait(
        &self,
        host: &mut Host<MioNet>,
        number: u64,
        (address, responder): (String, Responder),
        at_most: Duration,
    ) {
        let waiting = Echoes(Rc::clone(&self.0));
        let deadline = host.after(at_most, move |host| {
            if let Some(echo) = waiting.settle(host, number) {
                echo.responder.refuse(Refusal::new(codes::TIMEOUT, "no answer in time"));
            }
        });
        self.0.borrow_mut().insert(number, Awaited { address, responder, deadline });
    }

    /// Waits no longer for an echo, whatever became of it.
    pub(crate) fn settle(&self, host: &mut Host<MioNet>, number: u64) -> Option<Awaited> {
        let echo = self.0.borrow_mut().remove(&number)?;
        host.cancel(echo.deadline);
        Some(echo)
    }
}

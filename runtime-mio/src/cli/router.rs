//! The protocols that the program knows, and the router: what a running node is asked goes to its protocol's desk, but
//! for what every node answers. What it tells goes to those who monitor it.

use egoist_core::record::{Recordable as _, Recording};
use egoist_mio::control::{Refusal, Request, Responder, codes};
use egoist_mio::flight::Alarm;
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key};
use serde_json::Value;

use super::chord;
use super::config::Section;
use super::control::ask::answer;
use super::control::{ANY, Ask as _, Listeners};
use super::disk::Disk;
use super::failure::{Failure, Outcome};
use super::gossip;
use super::hello;
use super::leave::{LeaveReport, LeaveRequest};
use super::logging;
use super::mesh;
use super::monitor::{MonitorRequest, Told};
use super::overlay;
use super::protocol::{EventOf, Life, Member, Protocol, Seat};
use super::replay::Replay;
use super::riding;
use super::session::Session;
use super::status::{NodeReport, StatusReport, StatusRequest};
use super::verb::Entry;

/// Every protocol that the program knows; the first is that of the configuration file's top.
pub(crate) const PROTOCOLS: [Known; 6] = [
    known::<overlay::Desk>(),
    known::<hello::Desk>(),
    known::<gossip::Desk>(),
    known::<mesh::Desk>(),
    known::<chord::Desk>(),
    known::<riding::Desk>(),
];

/// A protocol, as those know it who do not know which one it is.
pub(crate) struct Known {
    /// Its name.
    pub(crate) name: &'static str,
    /// What its recordings are called.
    pub(crate) kind: &'static str,
    /// What it has in the configuration file.
    pub(crate) sections: fn() -> Vec<Section>,
    /// Its command, where it has one of its own.
    pub(crate) command: fn() -> Option<Entry>,
    /// Shows what a node of the protocol says of itself.
    pub(crate) show_status: fn(Value, &mut Session<'_>) -> Outcome,
    /// Repeats a recording.
    pub(crate) replay: fn(&Replay, Recording<'_>, &mut Session<'_>) -> Outcome,
}

const fn known<P: Protocol>() -> Known {
    Known {
        name: P::NAME,
        kind: P::Machine::KIND,
        sections: P::sections,
        command: P::command,
        show_status: StatusReport::<P::Status>::show,
        replay: Replay::replay::<P>,
    }
}

/// A running node: who is told what it does, and who waits for its end.
pub(crate) struct Router<P: Protocol> {
    key: Key<Member<P::Machine>>,
    desk: P,
    alarm: Alarm,
    disk: Disk,
    monitors: Listeners,
    leaving: Vec<Responder>,
    /// Why the node could not go on.
    lost: Option<String>,
}

impl<P: Protocol> Router<P> {
    /// A router to the machine behind `key`, whose last inputs are kept after the alarm.
    pub(crate) fn new(key: Key<Member<P::Machine>>, desk: P, alarm: Alarm, disk: Disk) -> Self {
        Router { key, desk, alarm, disk, monitors: Listeners::default(), leaving: Vec::new(), lost: None }
    }

    /// Why the node could not go on, if it could not.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Answers a request, now or when what it waits for happens.
    pub(crate) fn request(&mut self, host: &mut Host<MioNet>, request: Request, responder: Responder) {
        let Request { action, with, .. } = request;
        match action.split_once('.') {
            Some((protocol, verb)) if protocol == ANY || P::ANSWERS.contains(&protocol) => {
                self.route(host, (protocol, verb), with, responder);
            }
            Some((protocol, _)) => responder.refuse(Refusal::new(
                codes::UNKNOWN_PROTOCOL,
                format!("this is a node of the protocol {}, not of '{protocol}'", P::NAME),
            )),
            None => responder
                .refuse(Refusal::new(codes::BAD_REQUEST, "what is to be done is named 'protocol.verb'")),
        }
    }

    fn route(
        &mut self,
        host: &mut Host<MioNet>,
        (protocol, verb): (&str, &str),
        with: Value,
        responder: Responder,
    ) {
        match verb {
            StatusRequest::VERB => responder.ok(self.status(host)),
            LeaveRequest::VERB => self.leave(host, responder),
            MonitorRequest::VERB => self.monitor(host, responder),
            _ if protocol == ANY => {
                let message = format!("not every node knows '{verb}': ask by the protocol's name");
                responder.refuse(Refusal::new(codes::UNKNOWN_VERB, message));
            }
            _ => self.desk.request(&mut Seat { host, node: &self.key }, (protocol, verb), with, responder),
        }
    }

    fn status(&self, host: &Host<MioNet>) -> StatusReport<P::Status> {
        let machine = host.machine(self.key).machine();
        let who = self.desk.who(machine);
        let node = NodeReport {
            protocol: P::NAME.to_owned(),
            id: who.id,
            address: who.address.to_string(),
            uptime_s: host.now().as_micros() / 1_000_000,
            pid: std::process::id(),
            turns: host.longest_turn().map(Into::into),
            log_lost: logging::lost(),
            state_error: host.state_error(self.key).map(ToString::to_string),
            disk_full: self.disk.is_full(),
        };
        StatusReport { node, own: self.desk.status(machine, host.now()) }
    }

    /// Tells a client what happens from now on, and first whom it listens to.
    fn monitor(&mut self, host: &Host<MioNet>, responder: Responder) {
        let who = self.desk.who(host.machine(self.key).machine());
        if let Some(monitor) = self.monitors.join(responder) {
            monitor.event(Told::watching(P::NAME, host.now(), &who));
        }
    }

    /// What the node tells.
    pub(crate) fn event(&mut self, host: &mut Host<MioNet>, event: EventOf<P>) {
        if !self.monitors.is_empty() {
            match P::told(host.now(), &event) {
                Ok(told) => self.monitors.tell(told),
                Err(error) => tracing::warn!(%error, "an event has no JSON form"),
            }
        }
        let life = self.desk.heard(&mut Seat { host, node: &self.key }, event);
        self.live(host, life);
    }

    fn leave(&mut self, host: &mut Host<MioNet>, responder: Responder) {
        self.leaving.push(responder);
        let life = self.desk.leave(&mut Seat { host, node: &self.key });
        self.live(host, life);
    }

    /// Begins a graceful end; a node that was asked to leave already ends at once.
    pub(crate) fn signalled(&mut self, host: &mut Host<MioNet>) {
        if self.leaving.is_empty() {
            let life = self.desk.leave(&mut Seat { host, node: &self.key });
            return self.live(host, life);
        }
        for responder in self.leaving.drain(..) {
            let message = "a signal ended the node before it had left";
            responder.refuse(Refusal::new(codes::UNANSWERED, message));
        }
        self.end_telling();
        host.stop();
    }

    fn live(&mut self, host: &mut Host<MioNet>, life: Life) {
        match life {
            Life::On => return,
            Life::Over => self.answer_the_leaving(host),
            Life::Lost(why) => {
                self.alarm.raise();
                self.lost = Some(why);
            }
        }
        host.stop();
    }

    fn answer_the_leaving(&mut self, host: &Host<MioNet>) {
        let who = self.desk.who(host.machine(self.key).machine());
        let report = LeaveReport { id: who.id.unwrap_or_default(), address: who.address.to_string() };
        for responder in self.leaving.drain(..) {
            answer::<LeaveRequest>(responder, Ok(report.clone()));
        }
        self.end_telling();
    }

    /// Nothing more is told to those who listen.
    fn end_telling(&mut self) {
        self.monitors.end();
        self.desk.end();
    }
}

/// The protocol of this name.
///
/// # Errors
/// The program knows none.
pub(crate) fn named(name: &str) -> Outcome<&'static Known> {
    PROTOCOLS.iter().find(|known| known.name == name).ok_or_else(|| {
        Failure::new(format!("the node is of the protocol '{name}', which this program does not know"))
            .try_this("use the version that runs the node")
    })
}

//! One connection's way out: what waits, and what may leave now.

use bytes::Bytes;

use super::super::{Class, ConnId, Gap, Outbox, Output, Outputs, Pacing, Time, TooSlow, Why};
use super::Seal;

/// Where a connection stands between the machine and the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Open,
    /// The machine has closed it, and what it said before still waits.
    Lingering(Why),
    /// The driver was told to close it, and has not said that it is.
    Closing,
}

/// From [`Opened`](super::super::Input::Opened) to [`Closed`](super::super::Input::Closed).
#[derive(Clone, Debug)]
pub(super) struct Line<S> {
    pub(super) phase: Phase,
    pub(super) outbox: Outbox,
    pub(super) seal: S,
    pub(super) is_read: bool,
    pub(super) shed: u64,
    pacing: Option<Pacing>,
}

impl<S: Seal> Line<S> {
    pub(super) fn new(phase: Phase, outbox: Outbox, seal: S) -> Self {
        Line { phase, outbox, seal, is_read: true, shed: 0, pacing: None }
    }

    pub(super) fn pace(&mut self, gap: Gap, until: Time) {
        let before = self.pacing.map_or(Time::ZERO, |pacing| pacing.next());
        let mut pacing = Pacing::new(gap);
        pacing.hold(until.max(before));
        self.pacing = Some(pacing);
    }

    pub(super) fn pace_no_more(&mut self) {
        self.pacing = None;
    }

    pub(super) fn queue(&mut self, class: Class, frame: Bytes) -> Result<(), TooSlow> {
        self.outbox.push(class, frame, (), |()| self.shed += 1)
    }

    /// Gives the driver what it may have now.
    pub(super) fn pump<E>(&mut self, now: Time, conn: ConnId, out: &mut Outputs<E>) {
        while self.held(now).is_none()
            && let Some((class, frame)) = self.outbox.pop_as(S::OVERHEAD, |frame| self.seal.seal(frame))
        {
            if let Some(pacing) = &mut self.pacing {
                pacing.sent(now, frame.len());
            }
            out.push(Output::Send { conn, frame, class, solo: self.pacing.is_some() });
        }
    }

    /// When pacing lets out what waits, unless that is now.
    pub(super) fn held(&self, now: Time) -> Option<Time> {
        let pacing = self.pacing.filter(|pacing| !self.outbox.is_empty() && !pacing.is_open(now))?;
        Some(pacing.next())
    }
}

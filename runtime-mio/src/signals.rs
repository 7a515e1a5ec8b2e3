//! SIGINT and SIGTERM as a wish to leave.

use std::io;

use mio::Interest;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use crate::host::Host;
use crate::net::{MioNet, Ready};
use crate::source::{Source, watch};

type Leave = Box<dyn FnOnce(&mut Host<MioNet>)>;

struct SignalSource {
    signals: Signals,
    leave: Option<Leave>,
}

impl Source<MioNet> for SignalSource {
    fn ready(&mut self, host: &mut Host<MioNet>, _ready: Ready) -> bool {
        for signal in self.signals.pending() {
            tracing::info!(signal, "asked to leave");
            match self.leave.take() {
                Some(leave) => leave(host),
                None => host.stop(),
            }
        }
        true
    }
}

impl Host<MioNet> {
    /// From now on the first SIGINT or SIGTERM calls `leave`, which begins a graceful end; the second one
    /// [stops](Host::stop) the loop.
    ///
    /// # Errors
    /// The operating system has no descriptor left.
    pub fn on_signal(&mut self, leave: impl FnOnce(&mut Host<MioNet>) + 'static) -> io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        watch(self, &mut signals, Interest::READABLE)?;
        self.add_source(SignalSource { signals, leave: Some(Box::new(leave)) });
        Ok(())
    }
}

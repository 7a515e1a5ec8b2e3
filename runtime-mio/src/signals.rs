//! SIGINT, SIGTERM and SIGHUP as a wish to leave.

use std::{fs, io};

use mio::Interest;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
    /// From now on the first SIGINT, SIGTERM or SIGHUP calls `leave`, which begins a graceful end; the second one
    /// [stops](Host::stop) the loop. A SIGINT or SIGHUP that the process was started to ignore, as by `nohup`, stays
    /// ignored where that can be seen.
    ///
    /// # Errors
    /// The operating system has no descriptor left.
    pub fn on_signal(&mut self, leave: impl FnOnce(&mut Host<MioNet>) + 'static) -> io::Result<()> {
        let ignored = ignored();
        let wanted = [SIGINT, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = Signals::new(wanted.chain([SIGTERM]))?;
        watch(self, &mut signals, Interest::READABLE)?;
        self.add_source(SignalSource { signals, leave: Some(Box::new(leave)) });
        Ok(())
    }
}

/// The signals that are ignored, each a bit; none where the system does not say.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}

//! What else is in the loop beside the machines' sockets: signals, the control socket and its clients.

use std::io;

use mio::Interest;

use crate::host::{Host, Socket};
use crate::net::{MioNet, Net, Ready, Token, for_mio};

/// Something else in the loop.
pub(crate) trait Source<N: Net> {
    /// It is ready. Whether it stays in the loop.
    fn ready(&mut self, host: &mut Host<N>, ready: Ready) -> bool;
}

/// Registers a source for the token that [`Host::add_source`] gives next.
pub(crate) fn watch(
    host: &Host<MioNet>,
    source: &mut impl mio::event::Source,
    interest: Interest,
) -> io::Result<()> {
    host.net.registry().register(source, for_mio(host.sockets.upcoming()), interest)
}

impl Host<MioNet> {
    /// Puts a source into the loop; it was registered for the token that comes next.
    pub(crate) fn add_source(&mut self, source: impl Source<MioNet> + 'static) -> Token {
        self.sockets.insert(Socket::Source(Some(Box::new(source))))
    }
}

impl<N: Net> Host<N> {
    /// Lets the sources do what they are ready for.
    pub(crate) fn serve_sources(&mut self) {
        for ready in std::mem::take(&mut self.woken) {
            let Some(Socket::Source(source)) = self.sockets.get_mut(ready.token) else { continue };
            let Some(mut taken) = source.take() else { continue };
            if !taken.ready(self, ready) {
                self.sockets.remove(ready.token);
            } else if let Some(Socket::Source(source)) = self.sockets.get_mut(ready.token) {
                *source = Some(taken);
            }
        }
    }
}

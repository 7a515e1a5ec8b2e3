//! How far something that takes long has come: a bar on standard error, in a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the times that it tells are brought up to date.
const TICK: Duration = Duration::from_millis(200);

/// A bar; it is gone once dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar of so many steps; none where standard error is no terminal, or nothing is to be said.
    pub(crate) fn new(what: &'static str, steps: u64, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(steps) };
        let style = ProgressStyle::with_template(
            "{prefix} [{bar:30}] {pos}/{len}  {msg}  {elapsed} gone, {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what);
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Progress(bar)
    }

    /// `step` steps are done; `news` is shown beside.
    pub(crate) fn at(&self, step: u64, news: String) {
        self.0.set_message(news);
        self.0.set_position(step);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_follows_the_steps() {
        let progress = Progress::new("simulating", 20, true);
        progress.at(3, "cost 1.02".to_owned());
        assert_eq!((progress.0.position(), progress.0.message().as_str()), (3, "cost 1.02"));
        assert!(progress.0.is_hidden());
    }
}

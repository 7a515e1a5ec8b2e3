//! What the names of bootstraps stand for: told by those who look them up, asked by who knows the bootstraps.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::host_port::HostPort;
use super::super::names;
use super::status::BootstrapReport;

/// The bootstraps as they were given, and what their names stand for.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    given: Arc<[HostPort]>,
    answers: Arc<Mutex<Answers>>,
}

type Answers = BTreeMap<String, Answer>;

/// What the lookups of a name have brought.
#[derive(Default, Debug)]
struct Answer {
    /// What it stood for last.
    addresses: Vec<SocketAddr>,
    /// Why the last lookup failed, if it did.
    error: Option<String>,
}

impl Named {
    pub(crate) fn new(given: &[HostPort]) -> Self {
        Named { given: given.into(), answers: Arc::default() }
    }

    /// A name stands for these.
    pub(crate) fn found(&self, name: &str, addresses: Vec<SocketAddr>) {
        self.answers().insert(name.to_owned(), Answer { addresses, error: None });
    }

    /// A lookup failed.
    pub(crate) fn unknown(&self, name: &str, why: &str) {
        self.answers().entry(name.to_owned()).or_default().error = Some(why.to_owned());
    }

    /// All addresses: those given, and those that names stand for.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let given = self.given.iter().filter_map(HostPort::address);
        given.chain(self.answers().values().flat_map(|answer| answer.addresses.iter().copied())).collect()
    }

    /// The rows of a status: those of `known`, each by the name that brought its address, and one for each name that
    /// brings none.
    pub(crate) fn rows(&self, known: Vec<BootstrapReport>) -> Vec<BootstrapReport> {
        let answers = self.answers();
        let name_of = |row: &BootstrapReport| {
            let at = row.address.as_ref()?.parse().ok()?;
            let named = answers.iter().find(|(_, answer)| answer.addresses.contains(&at));
            named.map(|(name, _)| name.clone())
        };
        let known =
            known.into_iter().map(|row| BootstrapReport { name: name_of(&row).unwrap_or(row.name), ..row });
        let names = self.given.iter().filter(|given| given.address().is_none()).map(HostPort::as_str);
        let lost = names.filter_map(|name| lost(name, answers.get(name)));
        known.chain(lost).collect()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of a name that stands for nothing, or could not be looked up the last time.
fn lost(name: &str, answer: Option<&Answer>) -> Option<BootstrapReport> {
    let error = match answer {
        Some(Answer { error: None, .. }) => return None,
        Some(Answer { error, .. }) => error.clone(),
        None => None,
    };
    let remedy = error.as_ref().map(|_| names::REMEDY.to_owned());
    Some(BootstrapReport { name: name.to_owned(), address: None, asked: false, error, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_rows_whatever_they_stand_for() {
        let given = ["192.0.2.1:1", "there:2", "nowhere:3", "later:4"].map(|given| given.parse().unwrap());
        let named = Named::new(&given);
        named.found("there:2", vec!["192.0.2.2:2".parse().unwrap()]);
        named.unknown("there:2", "for once");
        named.unknown("nowhere:3", "never");
        let known = named.addresses();
        let row = |at: &SocketAddr| BootstrapReport {
            name: at.to_string(),
            address: Some(at.to_string()),
            asked: true,
            error: None,
            remedy: None,
        };
        let rows = named.rows(known.iter().map(row).collect());
        let shown: Vec<String> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(shown[..2], ["192.0.2.1:1  answers", "there:2 (192.0.2.2:2)  answers"]);
        assert!(
            shown[2].starts_with("there:2  for once: check")
                && shown[3].starts_with("nowhere:3  never: check")
        );
        assert_eq!(shown[4..], ["later:4  not asked yet"]);
    }
}

//! The settings that the machine's fields come from, for what is wrong with one.

use clap::ArgMatches;
use egoist_core::overlay::ConfigError;

use super::super::failure::Failure;
use super::super::origin;
use super::NAME;

/// The machine's fields and the settings that they come from.
const KEYS: [(&str, &str); 37] = [
    ("address", "listen"),
    ("more_addresses", "advertise"),
    ("bootstraps", "bootstrap"),
    ("k", "k"),
    ("eps_ppm", "eps"),
    ("announce_floor", "announce_floor"),
    ("periods.ping", "ping_period"),
    ("periods.ping_timeout", "ping_timeout"),
    ("periods.rewiring", "rewiring_period"),
    ("periods.remove", "remove_period"),
    ("periods.erase_hash", "erase_hash"),
    ("periods.boot_delay", "boot_delay"),
    ("periods.heartbeat", "heartbeat"),
    ("periods.exchange", "exchange_period"),
    ("periods.heal", "heal_period"),
    ("periods.greeting", "greeting_timeout"),
    ("periods.refresh", "refresh_period"),
    ("periods.announce_delay", "announce_delay"),
    ("periods.pace", "pace"),
    ("bounds.guests", "guest_slots"),
    ("bounds.watchers", "watcher_slots"),
    ("bounds.hashes", "pkt_ids_limit"),
    ("bounds.strangers", "max_strangers"),
    ("bounds.remembered", "max_remembered"),
    ("bounds.payload", "max_payload"),
    ("bounds.in_degree", "in_degree_cap"),
    ("bounds.database.records", "max_records"),
    ("bounds.database.octets", "max_record_octets"),
    ("bounds.database.introduced", "max_introduced_octets"),
    ("bounds.budgets.frames", "peer_frames"),
    ("bounds.budgets.octets", "peer_octets"),
    ("bounds.budgets.ids", "peer_ids"),
    ("bounds.budgets.answers", "peer_answers"),
    ("bounds.budgets.patience", "peer_patience"),
    ("bounds.budgets.datagrams", "host_datagrams"),
    ("bounds.budgets.introductions", "host_introductions"),
    ("bounds.budgets.probes", "host_probes"),
];

/// What is told of a configuration that no node can live by.
pub(crate) fn unfit(error: &ConfigError, matches: &ArgMatches) -> Failure {
    let key = key_of(error.field(), matches);
    origin::unfit((NAME, key), (&error.fault(), &error.remedy()), matches)
}

/// The setting behind a field. The address is the first that is advertised, or that of the listener.
fn key_of(field: &'static str, matches: &ArgMatches) -> &'static str {
    let advertised = || matches.try_get_raw("advertise").ok().flatten().is_some();
    match KEYS.iter().find(|(of, _)| *of == field) {
        Some(("address", _)) if advertised() => "advertise",
        Some((_, key)) => key,
        None => field,
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;

    #[test]
    fn every_setting_that_the_machine_checks_is_a_key() {
        let sections = settings::sections();
        for (_, key) in KEYS {
            assert!(sections.iter().any(|section| section.has(key)), "{key}");
        }
    }
}

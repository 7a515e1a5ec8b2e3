//! `core/GOSSIP.md`: what gossip-python does and every name of its document stand in it, and all that it names exists.

#[path = "tables/names.rs"]
mod names;
#[path = "gossip_table/seed.rs"]
mod seed;
#[path = "tables/steps.rs"]
mod steps;
mod tables;

use std::collections::BTreeSet;

use tables::Row;

/// What the original's frames and the lines of its configuration are called.
const KEYS: [&str; 16] = [
    "500",
    "501",
    "502",
    "503",
    "510",
    "511",
    "512",
    "513",
    "HOSTKEY",
    "cache_size",
    "max_connections",
    "bootstrapper",
    "listen_address",
    "api_address",
    "max_ttl",
    "-c",
];

/// The rows about what the program does, and those about the names in its document.
fn tables() -> (Vec<Row>, Vec<Row>) {
    let text = tables::document("core/GOSSIP.md");
    let (steps, names) = text.split_once("\n# The document's names\n").expect("two tables");
    let (steps, names) = (tables::rows(steps), tables::rows(names));
    assert!(steps.len() > 70 && names.len() > 50, "{} and {} rows", steps.len(), names.len());
    (steps, names)
}

fn rows() -> Vec<Row> {
    let (mut rows, names) = tables();
    rows.extend(names);
    rows
}

#[test]
fn every_step_says_what_became_of_it_and_has_a_test() {
    steps::check(&tables().0);
}

#[test]
fn every_frame_and_every_line_of_the_configuration_has_a_row() {
    let named: BTreeSet<String> = tables().0.into_iter().flat_map(|row| row.names).collect();
    let missing: Vec<&str> = KEYS.into_iter().filter(|key| !named.contains(*key)).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
}

#[test]
fn every_name_has_one_row_that_says_what_became_of_it() {
    names::check(&tables().1);
}

#[test]
fn every_path_names_something() {
    tables::check_paths(rows().iter().flat_map(|row| &row.here).filter(|path| path.contains("::")));
}

#[test]
fn every_test_exists() {
    tables::check_tests(&rows());
}

#[test]
fn every_name_of_the_document_has_a_row() {
    let Some([document]) = tables::seeds(["002_"]) else { return };
    let names = seed::names(&document);
    assert!(names.len() > 50, "{names:?}");
    let rows: BTreeSet<String> = tables().1.into_iter().flat_map(|row| row.names).collect();
    let missing: Vec<&String> = names.difference(&rows).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
    let invented: Vec<&String> = rows.difference(&names).collect();
    assert!(invented.is_empty(), "not in the document: {invented:#?}");
}

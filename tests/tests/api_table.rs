//! `core/API.md`: every name of the original program stands in it, and all that it names exists; so do the bounds in
//! `ARCHITECTURE.md`.

#[path = "tables/names.rs"]
mod names;
#[path = "api_table/seeds.rs"]
mod seeds;
mod tables;

use std::collections::BTreeSet;

use tables::{Row, root, sources};

fn rows() -> Vec<Row> {
    let rows = tables::rows(&tables::document("core/API.md"));
    assert!(rows.len() > 150, "{} rows", rows.len());
    rows
}

#[test]
fn every_name_has_one_row_that_says_what_became_of_it() {
    names::check(&rows());
}

#[test]
fn every_path_names_something() {
    tables::check_paths(rows().iter().flat_map(|row| &row.here));
}

#[test]
fn every_test_exists() {
    tables::check_tests(&rows());
}

#[test]
fn every_bound_of_the_architecture_exists() {
    let text = tables::document("ARCHITECTURE.md");
    let (_, table) = text.split_once("\n## Bounds\n").expect("a section on bounds");
    let rows = tables::rows(table);
    assert!(rows.len() > 50, "{} bounds", rows.len());
    tables::check_paths(rows.iter().flat_map(|row| row.names.iter().chain(&row.here).chain(&row.tests)));
}

#[test]
fn what_does_not_exist_is_noticed() {
    for path in [
        "overlay::wire::PKT_LIMITS",
        "overlay::nowhere::Overlay",
        "kernel::Input::Dial",
        "kernel::Machine::new",
        "overlay::Config::rtt",
        "PKT_LIMIT",
    ] {
        assert!(!sources::defines(&root(), path), "{path}");
    }
    assert!(!sources::tests(&root(), "overlay::wire::read"));
    assert!(!sources::tests(&root(), "overlay::wire::tests::no_such_test"));
}

#[test]
fn every_name_of_the_original_has_a_row() {
    let Some(originals) = tables::seeds(["000_", "003_"]) else { return };
    let names: BTreeSet<seeds::Name> = originals.iter().flat_map(|text| seeds::names(text)).collect();
    assert!(names.len() > 200, "{} names were found in the original's documents", names.len());
    let rows: Vec<String> = rows().into_iter().flat_map(|row| row.names).collect();
    let folded: BTreeSet<String> = rows.iter().map(|name| seeds::fold(name)).collect();
    let missing: Vec<&seeds::Name> =
        names.iter().filter(|name| !name.folded().iter().any(|key| folded.contains(key))).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
    let originals: BTreeSet<String> = names.iter().flat_map(seeds::Name::folded).collect();
    let invented: Vec<&String> = rows.iter().filter(|name| !originals.contains(&seeds::fold(name))).collect();
    assert!(invented.is_empty(), "not in the original: {invented:#?}");
}

//! `core/API.md`: every name of the original program stands in it, and all that it names exists; so do the bounds in
//! `ARCHITECTURE.md`.

#[path = "api_table/seeds.rs"]
mod seeds;
#[path = "api_table/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A row of a table: the original's name, what is said about it, and what stands in backticks there and in the last
/// column.
struct Row {
    name: String,
    said: String,
    here: Vec<String>,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("core/API.md")).unwrap();
    let rows: Vec<Row> = text.lines().filter(|line| line.starts_with("| `")).map(row).collect();
    assert!(rows.len() > 150, "{} rows", rows.len());
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
    let [name, here, tests] = cells[..] else { panic!("three columns: {line}") };
    let names = quoted(name);
    assert_eq!(names.len(), 1, "one name a row: {line}");
    assert!(!here.trim().is_empty(), "nothing said about {name}");
    Row { name: names[0].clone(), said: here.trim().to_owned(), here: quoted(here), tests: quoted(tests) }
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    let parts: Vec<&str> = cell.split('`').collect();
    assert!(parts.len() % 2 == 1, "a backtick without its other: {cell}");
    parts.into_iter().skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn no_name_has_two_rows() {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = rows().into_iter().map(|r| r.name).filter(|n| !seen.insert(n.clone())).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn what_is_not_here_says_why() {
    for Row { name, said, .. } in rows().iter().filter(|row| row.here.is_empty()) {
        let reason = said.strip_prefix("None").or(said.strip_prefix("The same parameter"));
        assert!(reason.is_some_and(|reason| reason.len() > 5), "{name}: {said}");
    }
}

#[test]
fn every_path_names_something() {
    let missing: Vec<String> =
        rows().into_iter().flat_map(|row| row.here).filter(|path| !sources::defines(&root(), path)).collect();
    assert!(missing.is_empty(), "nothing in the sources is called {missing:#?}");
}

#[test]
fn every_test_exists() {
    let missing: Vec<String> =
        rows().into_iter().flat_map(|row| row.tests).filter(|path| !sources::tests(&root(), path)).collect();
    assert!(missing.is_empty(), "no test is called {missing:#?}");
}

#[test]
fn every_bound_of_the_architecture_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("\n## Bounds\n").expect("a section on bounds");
    let named: Vec<String> = table.lines().filter(|line| line.starts_with("| `")).flat_map(quoted).collect();
    assert!(named.len() > 50, "{} bounds", named.len());
    let missing: Vec<&String> = named.iter().filter(|path| !sources::defines(&root(), path)).collect();
    assert!(missing.is_empty(), "nothing in the sources is called {missing:#?}");
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
    let shared = std::env::var_os("EGOIST_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = shared.join("seeds");
    let Some(originals) = seeds::originals(&folder) else {
        let note = format!("SKIPPED: the original's documents are not in {}\n", folder.display());
        // Not through the macros, whose output is shown for tests that fail alone.
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        return;
    };
    let names: BTreeSet<seeds::Name> = originals.iter().flat_map(|text| seeds::names(text)).collect();
    assert!(names.len() > 200, "{} names were found in the original's documents", names.len());
    let folded: BTreeSet<String> = rows().iter().map(|row| seeds::fold(&row.name)).collect();
    let missing: Vec<&seeds::Name> =
        names.iter().filter(|name| !name.folded().iter().any(|key| folded.contains(key))).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
    let originals: BTreeSet<String> = names.iter().flat_map(seeds::Name::folded).collect();
    let invented: Vec<String> = rows()
        .into_iter()
        .map(|row| row.name)
        .filter(|name| !originals.contains(&seeds::fold(name)))
        .collect();
    assert!(invented.is_empty(), "not in the original: {invented:#?}");
}

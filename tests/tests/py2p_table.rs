//! `core/PY2P.md`: every name of py2p's document stands in it, and all that it names exists.

#[path = "tables/names.rs"]
mod names;
#[path = "py2p_table/seed.rs"]
mod seed;
mod tables;

use std::collections::BTreeSet;

use tables::Row;

/// The names of the document, one a line.
const NAMES: &str = include_str!("py2p_table/names.txt");

fn rows() -> Vec<Row> {
    tables::rows(&tables::document("core/PY2P.md"))
}

fn listed() -> BTreeSet<String> {
    let names: BTreeSet<String> = NAMES.lines().map(str::to_owned).collect();
    assert!(names.len() > 150, "{names:?}");
    names
}

#[test]
fn every_name_has_one_row_that_says_what_became_of_it() {
    names::check(&rows());
}

#[test]
fn every_name_that_is_listed_has_a_row() {
    let rows: BTreeSet<String> = rows().into_iter().flat_map(|row| row.names).collect();
    same(&listed(), &rows);
}

#[test]
fn every_name_of_the_document_is_listed() {
    let Some([document]) = tables::seeds(["001_"]) else { return };
    same(&seed::names(&document), &listed());
}

/// Checks that each name has its like on the other side.
fn same(names: &BTreeSet<String>, others: &BTreeSet<String>) {
    let missing: Vec<&String> = names.difference(others).collect();
    assert!(missing.is_empty(), "missing: {missing:#?}");
    let invented: Vec<&String> = others.difference(names).collect();
    assert!(invented.is_empty(), "invented: {invented:#?}");
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
fn every_command_exists() {
    let rows = rows();
    let commands = rows.iter().flat_map(|row| &row.here).filter(|text| text.starts_with("egoist "));
    let (known, unknown): (Vec<&String>, Vec<&String>) = commands.partition(|command| is_command(command));
    assert!(known.len() > 30, "{known:?}");
    assert!(unknown.is_empty(), "no command is called {unknown:#?}");
}

/// Whether the program has such a command: its protocol's are the variants of an enum.
fn is_command(command: &str) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    let ["egoist", protocol @ ("mesh" | "chord"), verb, ..] = words[..] else { return false };
    let source = tables::document(&format!("runtime-mio/src/cli/{protocol}/mod.rs"));
    source.lines().filter_map(variant).any(|name| name.eq_ignore_ascii_case(verb))
}

/// The name in a line that is a variant with one field.
fn variant(line: &str) -> Option<&str> {
    let (name, _) = line.trim().strip_suffix("),")?.split_once('(')?;
    name.chars().all(char::is_alphanumeric).then_some(name)
}

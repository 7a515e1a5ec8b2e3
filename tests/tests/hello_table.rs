//! `core/HELLO.md`: every step of the article's printed code stands in it, and all that it names exists.

#[path = "tables/steps.rs"]
mod steps;
mod tables;

use std::collections::BTreeSet;

use tables::Row;

fn rows() -> Vec<Row> {
    let rows = tables::rows(&tables::document("core/HELLO.md"));
    assert!(rows.len() > 50, "{} rows", rows.len());
    rows
}

#[test]
fn every_step_says_what_became_of_it_and_has_a_test() {
    steps::check(&rows());
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
fn every_step_of_the_article_has_a_row() {
    let Some([article]) = tables::seeds(["004_"]) else { return };
    let steps = steps_of(&article);
    assert!(steps.len() > 15, "{steps:?}");
    let named: BTreeSet<String> =
        rows().into_iter().flat_map(|row| row.names).map(|name| name.to_lowercase()).collect();
    let missing: Vec<&String> = steps.difference(&named).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
}

/// The functions, classes, keys, values and ports of the printed code, whose capitals and spaces its copies have changed.
fn steps_of(text: &str) -> BTreeSet<String> {
    let text = text.to_lowercase();
    let mut steps = BTreeSet::new();
    for (word, ends) in [("def ", "("), ("class ", "("), ("'", "'"), ("localhost:", "")] {
        for (at, _) in text.match_indices(word) {
            let rest = text[at + word.len()..].trim_start_matches(|c: char| c.is_whitespace() || c == '"');
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
            let after = rest[end..].trim_start_matches(|c: char| c.is_whitespace() || c == '"');
            if end > 0 && after.starts_with(ends) {
                steps.insert(rest[..end].to_owned());
            }
        }
    }
    steps
}

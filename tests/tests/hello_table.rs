//! `core/HELLO.md`: every step of the article's printed code stands in it, and all that it names exists.

#[path = "api_table/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A row of a table: its step, what became of it, and what stands in backticks in each column.
struct Row {
    step: String,
    said: String,
    names: Vec<String>,
    here: Vec<String>,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("core/HELLO.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| step |");
    let rows: Vec<Row> = text.lines().filter(is_row).map(row).collect();
    assert!(rows.len() > 50, "{} rows", rows.len());
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
    let [step, said, tests] = cells[..] else { panic!("three columns: {line}") };
    Row {
        step: step.trim().to_owned(),
        said: said.trim().to_owned(),
        names: quoted(step),
        here: quoted(said),
        tests: quoted(tests),
    }
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    let parts: Vec<&str> = cell.split('`').collect();
    assert!(parts.len() % 2 == 1, "a backtick without its other: {cell}");
    parts.into_iter().skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_step_says_what_became_of_it() {
    for Row { step, said, .. } in rows() {
        let is_said = ["**Done", "**Tolerated", "**Never copied"].iter().any(|word| said.starts_with(word));
        assert!(is_said, "{step}: {said}");
    }
}

#[test]
fn every_path_names_something() {
    let paths = rows().into_iter().flat_map(|row| row.here).filter(|path| path.contains("::"));
    let missing: Vec<String> = paths.filter(|path| !sources::defines(&root(), path)).collect();
    assert!(missing.is_empty(), "nothing in the sources is called {missing:#?}");
}

#[test]
fn every_step_has_tests_that_exist() {
    for Row { step, tests, .. } in rows() {
        assert!(!tests.is_empty(), "nothing shows: {step}");
        let missing: Vec<&String> = tests.iter().filter(|path| !sources::tests(&root(), path)).collect();
        assert!(missing.is_empty(), "no test is called {missing:#?}");
    }
}

#[test]
fn every_step_of_the_article_has_a_row() {
    let shared = std::env::var_os("EGOIST_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = shared.join("seeds");
    let Some(article) = article(&folder) else {
        let note = format!("SKIPPED: the article is not in {}\n", folder.display());
        // Not through the macros, whose output is shown for tests that fail alone.
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        return;
    };
    let steps = steps(&article);
    assert!(steps.len() > 15, "{steps:?}");
    let named: BTreeSet<String> =
        rows().into_iter().flat_map(|row| row.names).map(|name| name.to_lowercase()).collect();
    let missing: Vec<&String> = steps.difference(&named).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
}

fn article(folder: &Path) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?;
    let is_article = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with("004_"));
    let path = files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.file_name().is_some_and(is_article));
    std::fs::read_to_string(path?).ok()
}

/// The functions, classes, keys, values and ports of the printed code, whose capitals and spaces its copies have changed.
fn steps(text: &str) -> BTreeSet<String> {
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

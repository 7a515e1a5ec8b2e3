//! The tables of the documents in `core`: their rows, what they name, and the originals' documents that they are about.

pub(crate) mod sources;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A row: what it is about, what is said about that, and what stands in backticks in each column, the last of which names
/// tests.
pub(crate) struct Row {
    pub(crate) about: String,
    pub(crate) said: String,
    pub(crate) names: Vec<String>,
    pub(crate) here: Vec<String>,
    pub(crate) tests: Vec<String>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A document of the repository.
pub(crate) fn document(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The rows of all tables in a text, without their headings.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let rules = text.lines().skip(1).map(|next| next.starts_with("|--")).chain([false]);
    let lines = text.lines().zip(rules).filter(|(line, is_heading)| line.starts_with("| ") && !is_heading);
    lines.map(|(line, _)| row(line)).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
    let [about, said, tests] = cells[..] else { panic!("three columns: {line}") };
    assert!(!said.trim().is_empty(), "nothing said about {about}");
    Row {
        about: about.trim().to_owned(),
        said: said.trim().to_owned(),
        names: quoted(about),
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

/// Checks that each of these paths names something.
pub(crate) fn check_paths<'a>(paths: impl Iterator<Item = &'a String>) {
    let missing: BTreeSet<&String> = paths.filter(|path| !sources::defines(&root(), path)).collect();
    assert!(missing.is_empty(), "nothing in the sources is called {missing:#?}");
}

/// Checks that every test that the rows name exists.
pub(crate) fn check_tests(rows: &[Row]) {
    let named = rows.iter().flat_map(|row| &row.tests);
    let missing: BTreeSet<&String> = named.filter(|path| !sources::tests(&root(), path)).collect();
    assert!(missing.is_empty(), "no test is called {missing:#?}");
}

/// The originals' documents whose names begin so, or none where they are not.
pub(crate) fn seeds<const N: usize>(beginnings: [&str; N]) -> Option<[String; N]> {
    let shared = std::env::var_os("EGOIST_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = shared.join("seeds");
    let texts: Vec<String> = beginnings.iter().filter_map(|beginning| seed(&folder, beginning)).collect();
    let texts = texts.try_into().ok();
    if texts.is_none() {
        let note = format!(
            "SKIPPED: the originals' documents {} are not in {}\n",
            beginnings.join("…, ") + "…",
            folder.display()
        );
        // Not through the macros, whose output is shown for tests that fail alone.
        std::io::stderr().write_all(note.as_bytes()).unwrap();
    }
    texts
}

fn seed(folder: &Path, beginning: &str) -> Option<String> {
    let mut files = std::fs::read_dir(folder).ok()?.flatten();
    let file =
        files.find(|file| file.file_name().to_str().is_some_and(|name| name.starts_with(beginning)))?;
    std::fs::read_to_string(file.path()).ok()
}

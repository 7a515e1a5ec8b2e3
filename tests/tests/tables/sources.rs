//! Finding what a path names in the text of the sources. They are formatted, so that what begins at the left edge ends
//! with a brace there.

use std::path::{Path, PathBuf};

/// Whether the sources define what `path` names.
pub(crate) fn defines(root: &Path, path: &str) -> bool {
    let Some((scope, name, within_item)) = look_up(root, path) else { return false };
    scope
        .iter()
        .flat_map(|text| text.lines())
        .any(|line| is_item(line, name) || within_item && is_member(line, name))
}

/// Whether `path` names a test.
pub(crate) fn tests(root: &Path, path: &str) -> bool {
    let Some((scope, name, _)) = look_up(root, path) else { return false };
    scope.iter().any(|text| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| starts(line, "fn", name));
        at.is_some_and(|at| lines[at.saturating_sub(3)..at].contains(&"#[test]"))
    })
}

/// The texts in which the path's last name is to be found, that name, and whether they are those of a type.
fn look_up<'a>(root: &Path, path: &'a str) -> Option<(Vec<String>, &'a str, bool)> {
    let mut names: Vec<&str> = path.split("::").collect();
    let last = names.pop().filter(|_| !names.is_empty())?;
    let mut names = names.into_iter().peekable();
    let package = match names.peek() {
        Some(&"egoist_mio") => Some("runtime-mio"),
        Some(&"egoist_tests") => Some("tests"),
        _ => None,
    };
    let mut place = root.join("core/src");
    if let Some(package) = package {
        names.next();
        let integration = names.next_if_eq(&"tests").is_some();
        place = root.join(package).join(if integration { "tests" } else { "src" });
    }
    while let Some(name) = names.next_if(|name| module(&place, name).is_some()) {
        place = module(&place, name)?;
    }
    let mut scope = texts(&place);
    let mut within_item = false;
    for name in names {
        scope = scope.iter().flat_map(|text| blocks(text, name)).collect();
        within_item = true;
    }
    (!scope.is_empty()).then_some((scope, last, within_item))
}

/// The module `name` of the module at `place`, both without their ending.
fn module(place: &Path, name: &str) -> Option<PathBuf> {
    let inner = place.join(name);
    (inner.is_dir() || inner.with_extension("rs").is_file()).then_some(inner)
}

/// The text of a module, and of all within it.
fn texts(place: &Path) -> Vec<String> {
    let mut texts: Vec<String> = std::fs::read_to_string(place.with_extension("rs")).into_iter().collect();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            texts.extend(self::texts(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.with_extension("").is_dir() {
            texts.extend(std::fs::read_to_string(&path));
        }
    }
    texts
}

/// What stands in a text at its left edge within the braces of a module, type or trait `name`, moved to the left edge.
fn blocks(text: &str, name: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let opens = ["mod", "struct", "enum", "trait"].iter().any(|word| starts(line, word, name))
            || line.starts_with("impl") && line.split(is_no_name).any(|word| word == name);
        if opens && !line.ends_with([';', '}']) {
            let inner = lines.by_ref().take_while(|line| !line.starts_with('}'));
            blocks.push(
                inner.map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n"),
            );
        }
    }
    blocks
}

fn is_no_name(c: char) -> bool {
    !c.is_ascii_alphanumeric() && c != '_'
}

fn is_item(line: &str, name: &str) -> bool {
    ["fn", "struct", "enum", "trait", "const", "type", "mod", "static"]
        .iter()
        .any(|word| starts(line, word, name))
}

/// A field or a variant.
fn is_member(line: &str, name: &str) -> bool {
    let Some(rest) = bare(line).strip_prefix(name) else { return false };
    rest.is_empty()
        || [":", ",", "(", " {"].iter().any(|next| rest.starts_with(next)) && !rest.starts_with("::")
}

/// Whether a line defines `name` with this keyword.
fn starts(line: &str, word: &str, name: &str) -> bool {
    let line = bare(line);
    let line = if word == "const" { line } else { line.strip_prefix("const ").unwrap_or(line) };
    let rest = line
        .strip_prefix(word)
        .and_then(|rest| rest.strip_prefix(' '))
        .and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| !rest.starts_with(|c| !is_no_name(c)))
}

/// A line without its indentation and visibility.
fn bare(line: &str) -> &str {
    let line = line.trim_start();
    let Some(rest) = line.strip_prefix("pub") else { return line };
    match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(") ").map_or(line, |(_, rest)| rest),
        None => rest.strip_prefix(' ').unwrap_or(line),
    }
}

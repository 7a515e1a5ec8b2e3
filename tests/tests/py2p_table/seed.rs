//! The names in the document of py2p's module `py2p.chord`, a page made by Sphinx.

use std::collections::BTreeSet;

/// What a list is of that stands behind a method's description.
#[derive(Clone, Copy)]
enum List {
    Parameters,
    Raised,
    Returned,
}

/// Every class, function, method, attribute and parameter: `class.method`, `class.method(parameter)`, and for a constructor
/// `class(parameter)`; what methods raise, as `class.method raises Exception`; and what begins with `py2p.` in whatever text.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    let (mut names, mut class, mut owner) = (BTreeSet::new(), String::new(), String::new());
    let mut list = List::Returned;
    for line in text.lines().map(str::trim) {
        names.extend(line.split("py2p.").skip(1).map(|rest| format!("py2p.{}", path(rest))));
        if let Some((head, parameters)) = signature(line) {
            owner = signed(&mut names, &mut class, head);
            names.extend(parameters.split(", ").filter_map(parameter).map(|name| format!("{owner}({name})")));
            list = List::Returned;
        } else if is_word(line) && line != "Warning" {
            names.insert(format!("{class}.{line}"));
        } else {
            let (begun, rest) = begun(line);
            list = begun.unwrap_or(list);
            names.extend(described(rest).and_then(|name| listed(list, &owner, name)));
        }
    }
    names
}

/// What stands at the beginning as a path.
fn path(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// What a line defines, and its parameters.
fn signature(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_suffix("[source]").unwrap_or(line);
    let (head, parameters) = line.strip_suffix(')')?.split_once('(')?;
    let name = head.strip_prefix("class ").unwrap_or(head);
    (path(name) == name).then_some((head, parameters))
}

/// Adds what a signature defines; whose its parameters are.
fn signed(names: &mut BTreeSet<String>, class: &mut String, head: &str) -> String {
    if let Some(path) = head.strip_prefix("class ") {
        path.rsplit('.').next().unwrap_or(path).clone_into(class);
    }
    if head.starts_with("class ") || head == "__init__" {
        return class.clone();
    }
    let owner = if head.contains('.') { head.to_owned() } else { format!("{class}.{head}") };
    names.insert(owner.clone());
    owner
}

/// A parameter's name in a signature.
fn parameter(text: &str) -> Option<&str> {
    let name = text.split('=').next().unwrap_or(text).trim_start_matches('*');
    is_word(name).then_some(name)
}

/// The list that begins in a line, and what else stands there.
fn begun(line: &str) -> (Option<List>, &str) {
    let heads = [("Parameters:", List::Parameters), ("Raises:", List::Raised), ("Returns:", List::Returned)];
    let mut found = heads.into_iter().filter_map(|(head, list)| Some((Some(list), line.strip_prefix(head)?)));
    found.next().unwrap_or((None, line))
}

/// The name before a description.
fn described(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start_matches("• ").split_once(" – ")?;
    let name = name.trim_start_matches('*');
    (path(name) == name).then_some(name)
}

fn listed(list: List, owner: &str, name: &str) -> Option<String> {
    match list {
        // One of them is spelt with a capital.
        List::Parameters if is_word(name) => Some(format!("{owner}({})", uncapitalised(name))),
        List::Raised => Some(format!("{owner} raises {name}")),
        List::Parameters | List::Returned => None,
    }
}

fn uncapitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_lowercase() + rest
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

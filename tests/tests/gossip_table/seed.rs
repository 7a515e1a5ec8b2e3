//! The names in the document of gossip-python's package `gossip.control`, a page made by Sphinx.

use std::collections::BTreeSet;

const MARK: &str = "[source]";

/// Every module, class, method, parameter and attribute, and what classes are made of: `Class.method`,
/// `Class.method(parameter)`, `Class(parameter)` for a constructor's, and `function(parameter)`.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    let (mut names, mut class, mut owner) = (BTreeSet::new(), String::new(), String::new());
    for line in text.lines().map(str::trim) {
        let module = line.strip_suffix(" module").or(line.strip_suffix(" package"));
        if let Some(module) = module.filter(|module| module.starts_with("gossip.")) {
            names.insert(module.to_owned());
            class.clear();
        } else if let Some(signature) = line.strip_suffix(MARK) {
            owner = signed(&mut names, &mut class, signature);
        } else if let Some(base) = line.strip_prefix("Bases: ") {
            names.insert(base.to_owned());
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| is_word(name)) {
            names.insert(format!("{class}.{name}"));
        } else if let Some(parameter) = described(line) {
            names.insert(format!("{owner}({parameter})"));
        }
    }
    names
}

/// Adds what a signature names; whose the parameters are that are described behind it.
fn signed(names: &mut BTreeSet<String>, class: &mut String, signature: &str) -> String {
    let (head, parameters) = signature.split_once('(').unwrap_or((signature, ""));
    let path = head.strip_prefix("class ").or(head.strip_prefix("static ")).unwrap_or(head);
    let name = path.rsplit('.').next().unwrap_or(path);
    if head.starts_with("class ") {
        name.clone_into(class);
    }
    let owner = if path.contains('.') { name.to_owned() } else { format!("{class}.{name}") };
    names.insert(owner.clone());
    let parameters = parameters.trim_end_matches(')').split(", ");
    let parameters = parameters.filter_map(|parameter| parameter.split('=').next());
    names.extend(parameters.filter(|name| is_word(name)).map(|name| format!("{owner}({name})")));
    owner
}

/// A parameter's name before its description, in each of the three forms that the page has.
fn described(line: &str) -> Option<&str> {
    let line = line.strip_prefix("Parameters:").unwrap_or(line);
    let bare = line.trim_start_matches("• ");
    let (name, _) = bare.split_once(" – ").or_else(|| bare.strip_prefix(":param ")?.split_once(' '))?;
    Some(name).filter(|name| is_word(name))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

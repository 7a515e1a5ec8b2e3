//! The names in the original program's API document, as two renderings of it have them: one without underscores, one
//! with misread letters.

/// A name, with the class it stands under if it is a method, a class variable or a parameter of a method.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    class: String,
    name: String,
    parameter: String,
}

impl Name {
    /// What its row may be called: by its class, or by itself if the class has it from Twisted.
    pub(crate) fn folded(&self) -> Vec<String> {
        let own = match self.parameter.as_str() {
            "" => fold(&self.name),
            parameter => format!("{}({}", fold(&self.name), fold(parameter)),
        };
        match self.class.as_str() {
            "" => vec![own],
            class => vec![format!("{}.{own}", fold(class)), own],
        }
    }
}

/// Letters and digits alone, small, those that are misread for each other made one; `.` and `(` are kept.
pub(crate) fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '('))
        .map(|c| match c.to_ascii_lowercase() {
            'l' => 'i',
            'v' => 'u',
            c => c,
        })
        .collect()
}

/// Where in the document a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Bases,
    Methods,
    Parameters,
    Variables,
}

/// Every name of the document.
pub(crate) fn names(text: &str) -> Vec<Name> {
    let (mut part, mut class, mut method) = (Part::Nothing, String::new(), String::new());
    let mut names = Vec::new();
    // The table of contents has rows of dots; page headings repeat a class and its module.
    for line in text.lines().map(str::trim).filter(|line| !line.contains(". .")) {
        let mut push = |class: &str, name: &str, parameter: &str| {
            names.push(Name { class: class.into(), name: name.into(), parameter: parameter.into() });
        };
        if let Some(heading) = heading(line) {
            part = match heading {
                Heading::Module => {
                    push("", "egoistClt", "");
                    Part::Nothing
                }
                Heading::Class(name) => {
                    push("", name, "");
                    class = name.to_owned();
                    Part::Bases
                }
                Heading::Methods => Part::Methods,
                Heading::Variables => Part::Variables,
            };
        } else if part == Part::Bases && line.starts_with("twisted.") {
            push("", line.split_whitespace().next().unwrap_or(line), "");
        } else if part == Part::Variables {
            if let Some(name) = variable(line) {
                push(&class, name, "");
            }
        } else if let Some((name, parameters)) =
            signature(line).filter(|_| matches!(part, Part::Methods | Part::Parameters))
        {
            part = Part::Methods;
            method = name.to_owned();
            push(&class, name, "");
            parameters.iter().for_each(|parameter| push(&class, name, parameter));
        } else if line.starts_with("Parameters") && part == Part::Methods {
            part = Part::Parameters;
        } else if line.starts_with("Return Value") || line.starts_with("Overrides") {
            part = Part::Methods;
        } else if let Some(name) = described(line).filter(|_| part == Part::Parameters) {
            push(&class, &method, name);
        }
    }
    names
}

enum Heading<'a> {
    Module,
    Class(&'a str),
    Methods,
    Variables,
}

fn heading(line: &str) -> Option<Heading<'_>> {
    let (number, title) = line.split_once(' ')?;
    if !number.starts_with('1') || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    match title.split_once(' ') {
        Some(("Module", _)) => Some(Heading::Module),
        Some(("Class", "Variables")) => Some(Heading::Variables),
        Some(("Class", name)) if !name.contains(' ') => Some(Heading::Class(name)),
        None if title == "Methods" || title == "Functions" => Some(Heading::Methods),
        None if title == "Variables" => Some(Heading::Variables),
        _ => None,
    }
}

/// `NAME Value: …`, or a name before its description.
fn variable(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(" Value:").or_else(|| line.split_once(" The "))?;
    let words = name.split_whitespace().count();
    ((1..=3).contains(&words) && !name.contains('.')).then_some(name)
}

/// `name(self, a, b=None)`, the line and nothing else: the name and what follows `self`.
fn signature(line: &str) -> Option<(&str, Vec<String>)> {
    let (name, rest) = line.trim_start_matches('|').split_once('(')?;
    let name = name.trim().trim_matches(',');
    let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let ends = rest.trim_end_matches(['|', ' ']).ends_with(')');
    if !word || !ends {
        return None;
    }
    let parameters = rest.split(',').map(parameter).filter(|name| !name.is_empty());
    Some((name, parameters.collect()))
}

fn parameter(text: &str) -> String {
    let name = text.split('=').next().unwrap_or_default().trim();
    let name = name.strip_prefix("self7").or_else(|| name.strip_prefix("self")).unwrap_or(name);
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// `name: what it is`.
fn described(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(": ")?;
    (name.split_whitespace().count() <= 2
        && name.chars().all(|c| c.is_ascii_alphanumeric() || " _".contains(c)))
    .then_some(name)
}

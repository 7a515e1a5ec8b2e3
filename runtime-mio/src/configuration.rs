//! Configuration files: TOML whose tables and keys are known beforehand, so that what is wrong with a file is said with its
//! line and, where a name is misspelt, with the nearest that is known.
//!
//! A value is given as the text that a command line would have in its place, and looked at by its key. There are no
//! tables within tables.
//!
//! ```
//! use egoist_mio::configuration::{Key, Table, Takes, read};
//!
//! let port = |text: &str| text.parse::<u16>().map(drop).map_err(|_| "write a port".to_owned());
//! let tables = [
//!     Table { name: None, keys: vec![Key::new("listen", Takes::One, port)] },
//!     Table { name: Some("peers".to_owned()), keys: vec![Key::new("ports", Takes::Many, port)] },
//! ];
//! let settings = read("listen = 80\n[peers]\nports = [81, 82]", &tables).unwrap();
//! assert_eq!((settings[1].table, settings[1].key.as_str(), settings[1].line), (1, "ports", 3));
//! assert_eq!(settings[1].values, ["81", "82"]);
//!
//! let fault = read("lissen = 80", &tables).unwrap_err();
//! assert_eq!(fault.line, 1);
//! assert_eq!(fault.what, "there is no key 'lissen' at the top of the file");
//! assert_eq!(fault.remedy.as_deref(), Some("did you mean 'listen'?"));
//! ```

use std::fmt;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A table that a file may have.
pub struct Table {
    /// What it is called; none for the top of the file.
    pub name: Option<String>,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// A key that a table may have.
pub struct Key {
    /// What it is called.
    pub name: String,
    takes: Takes,
    check: Check,
}

/// How many values a key may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// A text or a number.
    One,
    /// `true` or `false`.
    Truth,
    /// One, or a list of any number of them.
    Many,
}

type Check = Box<dyn Fn(&str) -> Result<(), String>>;

impl Key {
    /// A key whose values `check` takes, or says in a few words how they are written.
    pub fn new(
        name: impl Into<String>,
        takes: Takes,
        check: impl Fn(&str) -> Result<(), String> + 'static,
    ) -> Self {
        Key { name: name.into(), takes, check: Box::new(check) }
    }

    /// How many values it may have.
    pub const fn takes(&self) -> Takes {
        self.takes
    }
}

/// What a file says of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The table's place among those that were given.
    pub table: usize,
    /// The key.
    pub key: String,
    /// Its values as text, all of which the key takes.
    pub values: Vec<String>,
    /// The key's line, from 1.
    pub line: usize,
}

/// What is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What it is about.
    pub about: About,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
    /// How it may be mended, where that is known.
    pub remedy: Option<String>,
}

/// What a [`Fault`] is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// The text is no TOML.
    Syntax,
    /// A key is not known where it stands.
    Key,
    /// A key does not take its value.
    Value,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

impl std::error::Error for Fault {}

/// Reads a file's text. A table named twice in `tables` is the first of them.
///
/// # Errors
/// It is no TOML, or has a key that none of `tables` has, or a value that its key does not take.
pub fn read(text: &str, tables: &[Table]) -> Result<Vec<Setting>, Fault> {
    File { text, tables }.read()
}

/// A file while it is read.
struct File<'a> {
    text: &'a str,
    tables: &'a [Table],
}

impl<'a> File<'a> {
    fn read(&self) -> Result<Vec<Setting>, Fault> {
        let root = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            self.fault(About::Syntax, start, format!("this is no TOML ({})", error.message()))
        })?;
        let mut settings = Vec::new();
        for (key, value) in root.get_ref() {
            match (self.named(Some(key.get_ref())), value.get_ref()) {
                (Some(table), DeValue::Table(inner)) => {
                    for (key, value) in inner {
                        settings.push(self.setting(Some(table), key, value)?);
                    }
                }
                (Some(_), _) => {
                    let what = format!("'{}' is a table", key.get_ref());
                    let fault = self.fault(About::Value, key.span().start, what);
                    return Err(fault.mended("write [name] and its keys below"));
                }
                (None, _) => settings.push(self.setting(self.named(None), key, value)?),
            }
        }
        Ok(settings)
    }

    fn named(&self, name: Option<&str>) -> Option<usize> {
        self.tables.iter().position(|table| table.name.as_deref() == name)
    }

    fn setting(
        &self,
        table: Option<usize>,
        name: &Spanned<DeString<'a>>,
        value: &Spanned<DeValue<'a>>,
    ) -> Result<Setting, Fault> {
        let known = table.and_then(|at| {
            let key = self.tables[at].keys.iter().find(|key| key.name == **name.get_ref())?;
            Some((at, key))
        });
        let (table, key) = known.ok_or_else(|| self.unknown(table, name))?;
        let at = value.span().start;
        let wrong = |what, remedy: String| self.fault(About::Value, at, what).mended(remedy);
        let values = texts_of(value.get_ref(), key.takes)
            .map_err(|why| wrong(format!("'{}' cannot have this value", key.name), why.to_owned()))?;
        for text in &values {
            (key.check)(text).map_err(|why| wrong(format!("'{text}' is no value for {}", key.name), why))?;
        }
        Ok(Setting { table, key: key.name.clone(), values, line: self.line(name.span().start) })
    }

    fn unknown(&self, table: Option<usize>, name: &Spanned<DeString<'a>>) -> Fault {
        let (key, table) = (name.get_ref().as_ref(), table.map(|at| &self.tables[at]));
        let what = format!("there is no key '{key}' {}", place(table));
        let fault = self.fault(About::Key, name.span().start, what);
        if let Some(other) = self.tables.iter().find(|table| table.keys.iter().any(|known| known.name == key))
        {
            return fault.mended(format!("it belongs {}", place(Some(other))));
        }
        let at_the_top = table.is_none_or(|table| table.name.is_none());
        let tables = self.tables.iter().filter_map(|table| table.name.as_deref()).filter(|_| at_the_top);
        let here = table.into_iter().flat_map(names);
        match nearest(key, here.chain(tables)).or_else(|| nearest(key, self.tables.iter().flat_map(names))) {
            Some(known) => fault.mended(format!("did you mean '{known}'?")),
            None => fault,
        }
    }

    fn fault(&self, about: About, at: usize, what: String) -> Fault {
        Fault { about, line: self.line(at), what, remedy: None }
    }

    /// The line of the octet at `at`.
    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|octet| *octet == b'\n').count() + 1
    }
}

impl Fault {
    fn mended(self, remedy: impl Into<String>) -> Self {
        Fault { remedy: Some(remedy.into()), ..self }
    }
}

fn place(table: Option<&Table>) -> String {
    let name = table.and_then(|table| table.name.as_ref());
    name.map_or("at the top of the file".to_owned(), |name| format!("in [{name}]"))
}

fn names(table: &Table) -> impl Iterator<Item = &str> {
    table.keys.iter().map(|key| key.name.as_str())
}

/// The known name most like `name`, if any is like it.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let rated = known.map(|k| (strsim::jaro_winkler(name, k), k)).filter(|(rate, _)| *rate >= ALIKE);
    rated.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}

/// A value as a command line would have it.
fn texts_of(value: &DeValue<'_>, takes: Takes) -> Result<Vec<String>, &'static str> {
    match (value, takes) {
        (DeValue::Boolean(truth), Takes::Truth) => Ok(vec![truth.to_string()]),
        (_, Takes::Truth) => Err("give true or false"),
        (DeValue::String(text), _) => Ok(vec![text.clone().into_owned()]),
        (DeValue::Integer(number), _) if number.radix() == 10 => Ok(vec![number.as_str().to_owned()]),
        (DeValue::Float(number), _) => Ok(vec![number.as_str().to_owned()]),
        (DeValue::Array(values), Takes::Many) => {
            let texts = values.iter().map(|value| texts_of(value.get_ref(), Takes::One));
            texts.collect::<Result<Vec<_>, _>>().map(|texts| texts.into_iter().flatten().collect())
        }
        (DeValue::Array(_), Takes::One) => Err("give one value, not a list"),
        _ => Err("give a text in quotes or a decimal number"),
    }
}

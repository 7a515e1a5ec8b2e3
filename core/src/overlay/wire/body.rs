//! The body of UPT: what a source says of itself, and its links.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::Deref;

use bytes::Bytes;
use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::sequence::preceded;
use smallvec::{SmallVec, smallvec};

use super::super::names::{Cost, NodeId};
use super::WireError;
use super::attributes::{attributes, link_attributes};
use super::lexis::{Read, each, fail, id, item, number, whole};
use super::limits::{LINKS_LIMIT, NEIGHBOR_DELIMITER, UPDATES_LIMIT, UPDT_DELIMITER};
use super::value::{Body, Listed, ListedRole, Update};

/// What costs mean where an update does not say.
const DEFAULT_METRIC: &[u8] = b"delay";
const TOO_MANY: &str = "too many links";
/// Up to here every pair is compared, above the ids are sorted.
const FEW: usize = 16;

impl Body {
    /// Reads a body; slices of `text` are kept in the value.
    ///
    /// # Errors
    /// It is malformed somewhere, has two updates of one metric, or lists a node twice in one update. None of it may be
    /// used then.
    pub fn read(text: &Bytes) -> Result<Body, WireError> {
        Self::with(whole(|rest| updates(text, rest), text)?)
    }

    /// A body of one update, as almost all have it.
    pub fn of(update: Update) -> Body {
        Body { updates: smallvec![update] }
    }

    /// A body of several updates.
    ///
    /// # Errors
    /// There is none, too many, or two of one metric.
    pub fn new(updates: impl IntoIterator<Item = Update>) -> Result<Body, WireError> {
        let updates: SmallVec<[Update; 1]> = updates.into_iter().take(UPDATES_LIMIT + 1).collect();
        match updates.len() {
            0 => Err(WireError::Syntax("a body has no update")),
            1..=UPDATES_LIMIT => Self::with(updates),
            _ => Err(WireError::Bound("too many updates in a body")),
        }
    }

    fn with(updates: SmallVec<[Update; 1]>) -> Result<Body, WireError> {
        for (at, update) in updates.iter().enumerate() {
            if updates[..at].iter().any(|before| before.metric() == update.metric()) {
                return Err(WireError::Repeated("a body has two updates of one metric"));
            }
        }
        Ok(Body { updates })
    }

    /// The updates in the order written.
    pub fn updates(&self) -> &[Update] {
        &self.updates
    }
}

impl Update {
    /// What its costs mean: the attribute `metric`, or `delay` without it.
    pub fn metric(&self) -> &[u8] {
        self.attributes.metric.as_ref().map_or(DEFAULT_METRIC, |metric| metric.as_bytes())
    }
}

/// Links that an update or a record lists: each other node at most once, at most [`LINKS_LIMIT`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Links(Vec<Listed>);

impl Links {
    /// Links in any order.
    ///
    /// # Errors
    /// A node is listed twice, or there are too many.
    pub fn new(links: Vec<Listed>) -> Result<Self, WireError> {
        if links.len() > LINKS_LIMIT {
            return Err(WireError::Bound(TOO_MANY));
        }
        Self::distinct(links)
    }

    /// The first link to each node, the first [`LINKS_LIMIT`] of them; what comes after is left out.
    pub fn first(links: impl IntoIterator<Item = Listed>) -> Self {
        let mut seen = BTreeSet::new();
        Links(links.into_iter().filter(|link| seen.insert(link.id)).take(LINKS_LIMIT).collect())
    }

    fn distinct(links: Vec<Listed>) -> Result<Self, WireError> {
        if distinct(&links) { Ok(Links(links)) } else { Err(WireError::Repeated("a node is listed twice")) }
    }
}

impl Deref for Links {
    type Target = [Listed];
    fn deref(&self) -> &[Listed] {
        &self.0
    }
}

fn updates<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, SmallVec<[Update; 1]>> {
    let (mut text, first) = update(line, text)?;
    let mut updates = smallvec![first];
    while !text.is_empty() {
        if updates.len() == UPDATES_LIMIT {
            return fail(WireError::Bound("too many updates in a body"));
        }
        let (rest, next) = preceded(tag(UPDT_DELIMITER), |text| update(line, text)).parse(text)?;
        updates.push(next);
        text = rest;
    }
    Ok((text, updates))
}

fn update<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Update> {
    let (text, attributes) = attributes(line, text)?;
    let (text, links) = links(line, text)?;
    Ok((text, Update { attributes, links }))
}

/// The links of an update or a record, after a `|` each.
pub(super) fn links<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Links> {
    let (text, links) = each(NEIGHBOR_DELIMITER, LINKS_LIMIT, TOO_MANY, |text| link(line, text))(text)?;
    match Links::distinct(links) {
        Ok(links) => Ok((text, links)),
        Err(e) => fail(e),
    }
}

fn link<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Listed> {
    let (text, (id, cost, role)) = (id, item(cost), item(role)).parse(text)?;
    let (text, attributes) = link_attributes(line, text)?;
    Ok((text, Listed { id, cost, role, attributes }))
}

fn cost(text: &[u8]) -> Read<'_, Cost> {
    let (text, micros) = number(text)?;
    if (Cost::MIN.micros()..=Cost::MAX.micros()).contains(&micros) {
        Ok((text, Cost::from_micros(u64::from(micros))))
    } else {
        fail(WireError::Range("a cost is out of range"))
    }
}

fn role(text: &[u8]) -> Read<'_, ListedRole> {
    match take(1usize).parse(text)? {
        (text, b"o") => Ok((text, ListedRole::Out)),
        (text, b"i") => Ok((text, ListedRole::In)),
        (text, b"b") => Ok((text, ListedRole::Both)),
        _ => fail(WireError::Syntax("a listed link's role is not o, i or b")),
    }
}

/// Whether each node is listed at most once.
fn distinct(links: &[Listed]) -> bool {
    if links.len() <= FEW {
        return links
            .iter()
            .enumerate()
            .all(|(at, link)| links[..at].iter().all(|before| before.id != link.id));
    }
    let mut ids: Vec<NodeId> = links.iter().map(|link| link.id).collect();
    ids.sort_unstable();
    ids.windows(2).all(|pair| pair[0] != pair[1])
}

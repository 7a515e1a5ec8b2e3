//! Rows about names of an original: what has the place of each, or why nothing has.

use std::collections::BTreeSet;

use crate::tables::Row;

/// Checks that each row has a name that no other has, and says something about it.
pub(crate) fn check(rows: &[Row]) {
    let mut seen = BTreeSet::new();
    for Row { about, said, names, here, .. } in rows {
        assert_eq!(names.len(), 1, "one name a row: {about}");
        assert!(seen.insert(&names[0]), "two rows: {about}");
        let reason = said.strip_prefix("None").or(said.strip_prefix("The same parameter"));
        assert!(!here.is_empty() || reason.is_some_and(|reason| reason.len() > 5), "{about}: {said}");
    }
}

//! Rows about steps of an original: what became of each, and what shows it.

use crate::tables::Row;

/// Checks that each row says what became of a step, and names a test.
pub(crate) fn check(rows: &[Row]) {
    for Row { about, said, tests, .. } in rows {
        let is_said = ["**Done", "**Tolerated", "**Never copied"].iter().any(|word| said.starts_with(word));
        assert!(is_said, "{about}: {said}");
        assert!(!tests.is_empty(), "nothing shows: {about}");
    }
}

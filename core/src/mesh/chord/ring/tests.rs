//! The ring's checks.

use super::network::{Network, Plan, Queries, walk};

#[test]
fn walks() {
    for q in [Queries::Atomic, Queries::Messages] {
        for (grown, joining, failures, base) in [
            (&[0][..], &[80, 160][..], 1, 1),
            (&[0, 80, 160][..], &[40][..], 0, 1),
            (&[0, 80, 160][..], &[40][..], 1, 1),
            (&[0, 80, 160][..], &[40, 60][..], 0, 1),
            (&[0, 80, 160][..], &[40, 60][..], 1, 1),
            (&[0, 80, 160][..], &[40, 120][..], 1, 1),
        ] {
            let plan = Plan::<u8, 2> { network: Network::grown(grown, q), joining: joining.to_vec(), failures, base };
            let begin = std::time::Instant::now();
            let counts = walk(plan);
            println!("{q:?} {grown:?} {joining:?} {failures} {counts:?} {:?}", begin.elapsed());
            assert!(counts.is_ok());
        }
    }
}

use super::*;

#[test]
fn nodes_become_a_ring_and_keep_what_they_are_given() {
    for nodes in [1, 2, 3, 5, 16] {
        let mut town = Town::new(nodes, 5_000, |_| ());
        town.pass(Duration::from_secs(20));
        assert_eq!(town.is_ideal(), Ok(()), "{nodes} nodes");
        for key in 0..20_u64 {
            let kept = town.put(key as usize % nodes, &alloc::format!("key {key}"), key);
            assert_eq!(kept, Outcome::Kept { copies: nodes.min(3), unconfirmed: 0 }, "{nodes} nodes, {key}");
        }
        for key in 0..20_u64 {
            let got = town.get((key as usize + 3) % nodes, &alloc::format!("key {key}"));
            assert_eq!(found(&got), Some(key), "{nodes} nodes, {key}: {got:?}");
        }
        assert_eq!(town.get(0, "none"), Outcome::Absent);
        let kept: usize = town.living().iter().map(|(_, node)| node.shelf.len()).sum();
        assert_eq!(kept, 20 * nodes.min(3));
    }
}

#[test]
fn two_rings_become_one() {
    let mut town = Town::new(12, 5_000, |_| ());
    town.pass(Duration::from_secs(20));
    town.world.partition(|node| node < 5);
    town.pass(Duration::from_secs(120));
    town.world.heal_all();
    town.pass(Duration::from_secs(60));
    assert_eq!(town.is_ideal(), Ok(()));
}

use alloc::string::ToString;
use alloc::vec;

use super::check::CHOICES_LIMIT;
use super::*;
use crate::kernel::Rate;
use crate::overlay::machine::Overlay;

fn address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1))
}

fn plain() -> Config {
    let network = Network::new("n").unwrap_or_else(|_| unreachable!("a valid name"));
    Config::new(Seed::from_u64(1), network, address())
}

#[test]
fn a_pace_shortens_all_but_heartbeats() {
    let whole = Periods::default();
    let paced = whole.paced(4);
    assert_eq!((paced.ping * 4, paced.rewiring * 4), (whole.ping, whole.rewiring));
    assert_eq!((paced.remove * 4, paced.erase_hash * 4), (whole.remove, whole.erase_hash));
    assert_eq!((paced.heartbeat, paced.pace), (whole.heartbeat, 4));
    assert_eq!(whole.paced(100).remove, Duration::from_secs(5), "at least");
}

#[test]
fn refreshes_come_as_configured() {
    let mut config = plain();
    config.periods.refresh = Duration::from_secs(90);
    assert_eq!(config.refresh().period(1), Duration::from_secs(90));
    config.periods.pace = 2;
    assert_eq!(config.refresh().period(1), Duration::from_secs(45));
}

#[test]
fn so_many_may_choose_a_node() {
    let mut config = plain();
    let mut cap = |policy, links, in_degree| {
        (config.policy, config.links, config.bounds.in_degree) = (policy, links, in_degree);
        config.in_degree_cap()
    };
    assert_eq!(cap(PolicyKind::BestResponse, LinkMode::Mutual, None), Some(12));
    assert_eq!(cap(PolicyKind::BestResponse, LinkMode::Directed, None), Some(24));
    assert_eq!(cap(PolicyKind::FullMesh, LinkMode::Directed, None), None);
    assert_eq!(cap(PolicyKind::FullMesh, LinkMode::Mutual, Some(5)), Some(5));
}

/// Changes one field.
type Change = fn(&mut Config);

/// Something wrong with each field, and how it is called.
const WRONG: [(&str, Change); 36] = [
    ("address", |c| c.address = "0.0.0.0:7".parse().unwrap()),
    ("address", |c| c.address = "[::]:7".parse().unwrap()),
    ("address", |c| c.address = "192.0.2.1:0".parse().unwrap()),
    ("address", |c| c.address = "224.0.0.1:7".parse().unwrap()),
    ("address", |c| c.address = "[ff02::1]:7".parse().unwrap()),
    ("address", |c| c.address = "255.255.255.255:7".parse().unwrap()),
    ("more_addresses", |c| c.more_addresses = (1..10).map(|port| ([192, 0, 2, 1], port).into()).collect()),
    ("more_addresses", |c| c.more_addresses.push("0.0.0.0:7".parse().unwrap())),
    ("bootstraps", |c| c.bootstraps = vec![address(); 257]),
    ("bootstraps", |c| c.bootstraps = vec!["[::]:61223".parse().unwrap()]),
    ("k", |c| c.k = 0),
    ("k", |c| c.k = usize::MAX),
    ("k", |c| c.policy = PolicyKind::Watch),
    ("eps_ppm", |c| c.eps_ppm = u32::MAX),
    ("announce_floor", |c| c.announce_floor = Duration::MAX),
    ("periods.ping", |c| c.periods.ping = Duration::ZERO),
    ("periods.ping_timeout", |c| c.periods.ping_timeout = Duration::ZERO),
    ("periods.rewiring", |c| c.periods.rewiring = Duration::MAX),
    ("periods.remove", |c| c.periods.remove = Duration::from_millis(999)),
    ("periods.erase_hash", |c| c.periods.erase_hash = Duration::ZERO),
    ("periods.boot_delay", |c| c.periods.boot_delay = Duration::ZERO),
    ("periods.heartbeat", |c| c.periods.heartbeat = Duration::ZERO),
    ("periods.heartbeat", |c| c.periods.heartbeat = Duration::from_secs(3_600)),
    ("periods.exchange", |c| c.periods.exchange = Duration::ZERO),
    ("periods.heal", |c| c.periods.heal = Duration::ZERO),
    ("periods.greeting", |c| c.periods.greeting = Duration::MAX),
    ("periods.announce_delay", |c| c.periods.announce_delay = Duration::MAX),
    ("periods.pace", |c| c.periods.pace = 0),
    ("bounds.guests", |c| c.bounds.guests = usize::MAX),
    ("bounds.watchers", |c| c.bounds.watchers = usize::MAX),
    ("bounds.database.records", |c| c.bounds.database.records = u32::MAX),
    ("bounds.database.octets", |c| c.bounds.database.octets = 0),
    ("bounds.hashes", |c| c.bounds.hashes = usize::MAX),
    ("bounds.remembered", |c| c.bounds.remembered = usize::MAX),
    ("bounds.payload", |c| c.bounds.payload = 65_537),
    ("bounds.budgets.octets", |c| c.bounds.budgets.octets = Rate { burst: 0, per_second: 1 }),
];

#[test]
fn a_node_is_built_of_what_it_can_live_by() {
    assert_eq!(plain().check(), Ok(()));
    assert_eq!(Config::bootstrap(Seed::from_u64(1), plain().network, address()).check(), Ok(()));
    for (at, (field, change)) in WRONG.into_iter().enumerate() {
        let mut config = plain();
        change(&mut config);
        let error = Overlay::new(config).err().unwrap_or_else(|| panic!("{at}: {field} is taken"));
        assert_eq!(error.field(), field, "{at}");
    }
}

#[test]
fn an_error_says_what_is_wrong_and_what_would_not_be() {
    let said = |change: Change| {
        let mut config = plain();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert_eq!(
        said(|c| c.periods.heartbeat = Duration::from_secs(3_600)),
        "periods.heartbeat is 3600s, and can be 10ms to 10s: 250ms is usual"
    );
    assert_eq!(said(|c| c.k = CHOICES_LIMIT + 1), "k is 65, and can be 1 to 64: 3 is usual");
    assert_eq!(
        said(|c| c.address = "0.0.0.0:7".parse().unwrap()),
        "address has 0.0.0.0:7, and an unspecified address is no place: give an IP address and a port that others can dial"
    );
    assert_eq!(
        said(|c| c.bootstraps = vec![address(); 257]),
        "bootstraps has 257 entries, and can have 256: leave out those of least use"
    );
}

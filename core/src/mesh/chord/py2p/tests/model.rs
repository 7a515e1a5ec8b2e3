//! A node of py2p as a model, which answers late and does not bear nil for what it does not have.

use alloc::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const KEYS: [&str; 3] = ["a", "b", "c"];

/// What there is to do.
#[derive(Clone, Debug)]
enum Step {
    Put(usize, u64),
    Delete(usize),
    Merge(usize, u64),
    /// The node of py2p takes so many frames.
    Take(usize),
    Pass(u64),
    /// Its user sets a key, or deletes one that is there.
    Sets(usize, u64),
    Deletes(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS.len();
    prop_oneof![
        (key.clone(), 0u64..3).prop_map(|(key, n)| Step::Put(key, n)),
        key.clone().prop_map(Step::Delete),
        key.clone().prop_map(Step::Delete),
        (key.clone(), 0u64..3).prop_map(|(key, n)| Step::Merge(key, n)),
        (0usize..20).prop_map(Step::Take),
        (0usize..20).prop_map(Step::Take),
        (0u64..3_000).prop_map(Step::Pass),
        (key.clone(), 0u64..3).prop_map(|(key, n)| Step::Sets(key, n)),
        key.prop_map(Step::Deletes),
    ]
}

/// It has everything, and answers in the order in which it is asked.
struct Model {
    conn: ConnId,
    inbox: VecDeque<Message>,
    has: BTreeMap<(Text, Text), Value>,
}

impl Model {
    fn take(&mut self, bench: &mut Bench, frames: usize) {
        self.inbox.extend(bench.said(self.conn));
        for _ in 0..frames {
            let Some(message) = self.inbox.pop_front() else { return };
            match message {
                Message::Retrieve { table, key } => {
                    let value = self.has.get(&(table.clone(), key.clone())).cloned().unwrap_or_default();
                    bench.say(self.conn, 90, &Message::Retrieved { table, key, value });
                }
                Message::Store { table, key, value: Value::Nil } => {
                    assert!(self.has.remove(&(table, key)).is_some(), "nil for what is not there");
                }
                Message::Store { table, key, value } => _ = self.has.insert((table, key), value),
                Message::Delta { table, key, delta } => {
                    let has = self.has.entry((table, key)).or_insert(Value::Map(Map::default()));
                    let Value::Map(map) = has else { panic!("a difference for what is no map") };
                    map.merge(delta);
                }
                _ => {}
            }
        }
    }

    fn sets(&mut self, key: &str, value: &Value) {
        self.has.extend(Table::ALL.map(|table| (fields(table, key), value.clone())));
    }

    fn deletes(&mut self, key: &str) {
        Table::ALL.iter().for_each(|table| _ = self.has.remove(&fields(*table, key)));
    }
}

fn run(steps: Vec<Step>) -> (Bench, Model) {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let mut model = Model { conn, inbox: VecDeque::new(), has: BTreeMap::new() };
    for step in steps {
        match step {
            Step::Put(key, n) => _ = bench.ask(put(KEYS[key], Value::Map(map(&[("n", n)])))),
            Step::Delete(key) => _ = bench.ask(delete(KEYS[key])),
            Step::Merge(key, n) => _ = bench.ask(merge(KEYS[key], map(&[("m", n)]))),
            Step::Take(frames) => model.take(&mut bench, frames),
            Step::Pass(millis) => bench.pass(Duration::from_millis(millis)),
            Step::Sets(key, n) => model.sets(KEYS[key], &Value::Map(map(&[("n", n)]))),
            Step::Deletes(key) => model.deletes(KEYS[key]),
        }
    }
    (bench, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever users here do, while no user of py2p deletes, nil goes only where something is, and what is put last is
    /// what all have.
    #[test]
    fn nil_never_goes_where_nothing_is(steps in prop::collection::vec(step(), 0..60)) {
        let steps = steps.into_iter().filter(|step| !matches!(step, Step::Deletes(_))).collect();
        let (mut bench, mut model) = run(steps);
        for _ in 0..300 {
            bench.pass(Duration::from_millis(100));
            model.take(&mut bench, 1_000);
        }
        bench.ask(put("a", value(7))).unwrap();
        model.take(&mut bench, 1_000);
        prop_assert!(Table::ALL.iter().all(|table| model.has.get(&fields(*table, "a")) == Some(&value(7))));
        let op = bench.begin(delete("a"));
        model.take(&mut bench, 1_000);
        model.take(&mut bench, 1_000);
        let is_gone = matches!(bench.ended(op), Some(Outcome::Kept { .. }));
        prop_assert!(is_gone);
        prop_assert!(Table::ALL.iter().all(|table| !model.has.contains_key(&fields(*table, "a"))));
    }
}

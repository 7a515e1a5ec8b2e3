//! A demo while it runs: a table that is redrawn in a terminal, a line per epoch elsewhere.

use std::io::{self, Write};
use std::time::Duration;

use super::jury::Rest;
use super::table::{Side, Table, fit};
use super::units;

/// What a demo looks like now.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct DemoView {
    /// Epochs since the last node joined; 0 while they join.
    pub(crate) epoch: u32,
    /// Since the beginning.
    pub(crate) elapsed: Duration,
    /// The nodes, in a fixed order.
    pub(crate) nodes: Vec<DemoRow>,
    /// How many neighbours each chooses.
    pub(crate) k: u32,
    /// Mean individual cost over that of a full mesh; none while pairs are unreachable.
    pub(crate) cost_ratio: Option<f64>,
    /// The same of random neighbours; none before it is known.
    pub(crate) k_random_ratio: Option<f64>,
    /// Ordered pairs without a path.
    pub(crate) unreachable_pairs: u64,
    /// The least gain, as a share of its cost, for which a node is unsettled.
    pub(crate) worthwhile: f64,
    /// Whether the overlay has come to rest, and how.
    pub(crate) rest: Option<Rest>,
}

/// A node of a demo.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct DemoRow {
    /// Its city, or its row of the latency file.
    pub(crate) name: String,
    /// Whom it chose, by name, where both ends list the link.
    pub(crate) neighbours: Vec<String>,
    /// How many links its payloads may take: these, and mutual ones that others chose.
    pub(crate) links: usize,
    /// Its mean round trip to the others over the overlay, in milliseconds of the latency file; none while it does not
    /// reach all.
    pub(crate) cost_ms: Option<f64>,
    /// That over its cost in a full mesh.
    pub(crate) vs_full_mesh: Option<f64>,
    /// The share of its cost that it would save by its best choice, as the others chose; none where that is not known.
    pub(crate) could_gain: Option<f64>,
}

impl DemoView {
    /// The line that sums it up.
    pub(crate) fn headline(&self) -> String {
        let seconds = self.elapsed.as_secs_f64();
        let phase = if self.epoch == 0 { "joining ".to_owned() } else { format!("epoch {:>2}", self.epoch) };
        let mut line = format!("{phase}  {seconds:5.1} s  {}", self.standing());
        if let Some(random) = self.k_random_ratio {
            line += &format!(" (random: {random:.3})");
        }
        match (self.rest, self.could_gain()) {
            (Some(_), _) => line + "  settled",
            (None, Some(gain)) => line + &format!("  could gain {}", units::percent(gain)),
            (None, None) => line,
        }
    }

    /// The most that any node could gain, as a share of its cost; none where that is not known.
    pub(crate) fn could_gain(&self) -> Option<f64> {
        self.nodes.iter().map(|row| row.could_gain).reduce(|a, b| Some(a?.max(b?)))?
    }

    /// The mean of all nodes' costs, in milliseconds; none while pairs are unreachable.
    fn cost_ms(&self) -> Option<f64> {
        let total = self.nodes.iter().map(|row| row.cost_ms).sum::<Option<f64>>()?;
        u32::try_from(self.nodes.len()).ok().filter(|n| *n > 0).map(|n| total / f64::from(n))
    }

    /// What it costs, or what is missing.
    pub(crate) fn standing(&self) -> String {
        match self.cost_ratio {
            Some(ratio) => format!("cost {ratio:.3} of a full mesh"),
            None => format!("{} pairs unreachable", self.unreachable_pairs),
        }
    }

    /// What the overlay is judged by, and below that of each node whom it chose, what that costs and what it could gain.
    pub(crate) fn table(&self) -> Table {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("NODE", Left),
            ("COST", Right),
            ("OF MESH", Right),
            ("TO GAIN", Right),
            ("LINKS", Right),
            ("CHOSE", Left),
        ]);
        let figures = |cost, ratio: Option<f64>, gain: Option<f64>| {
            let ratio = ratio.map_or_else(units::dash, |ratio| format!("{ratio:.3}"));
            [units::millis_or_dash(cost), ratio, gain.map_or_else(units::dash, units::percent)]
        };
        let [cost, ratio, gain] = figures(self.cost_ms(), self.cost_ratio, self.could_gain());
        table.row(["all".to_owned(), cost, ratio, gain, String::new(), String::new()]);
        for row in &self.nodes {
            let [cost, ratio, gain] = figures(row.cost_ms, row.vs_full_mesh, row.could_gain);
            table.row([
                row.name.clone(),
                cost,
                ratio,
                gain,
                row.links.to_string(),
                row.neighbours.join(", "),
            ]);
        }
        table
    }
}

/// The table in a terminal.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    drawn: usize,
    /// Columns and rows that it was drawn within.
    size: (usize, usize),
}

impl Screen {
    /// Draws `view` where the last one was, within the terminal's size.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub(crate) fn draw(&mut self, view: &DemoView, out: &mut dyn Write) -> io::Result<()> {
        let size = terminal_size::terminal_size();
        let (columns, rows) =
            size.map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)));
        self.draw_within(view, columns, rows, out)
    }

    fn draw_within(
        &mut self,
        view: &DemoView,
        columns: usize,
        rows: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let lines = lines(view, columns, rows);
        let mut text = String::new();
        if self.drawn > 0 && self.size == (columns, rows) {
            // To the first column as well: what the user typed may have moved the cursor.
            text += &format!("\x1b[{}A\r", self.drawn);
        } else if self.drawn > 0 {
            // A terminal of another size has broken the lines anew, and nobody knows where they are.
            text += "\x1b[H";
        }
        for line in &lines {
            text.extend([line, "\x1b[K\n"]);
        }
        text += "\x1b[J";
        (self.drawn, self.size) = (lines.len(), (columns, rows));
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// The view as lines that fit: longer ones would wrap, and more would scroll what is to be redrawn away.
fn lines(view: &DemoView, columns: usize, rows: usize) -> Vec<String> {
    let mut lines = vec![view.headline()];
    lines.extend(view.table().lines());
    let room = rows.saturating_sub(1).max(1);
    if lines.len() > room {
        let hidden = lines.len() - room + 1;
        lines.truncate(room - 1);
        lines.push(format!("… and {hidden} more nodes"));
    }
    lines.iter().map(|line| fit(line, columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> DemoView {
        let row = |name: &str, cost_ms: Option<f64>, neighbours: &[&str]| DemoRow {
            name: name.into(),
            neighbours: neighbours.iter().map(ToString::to_string).collect(),
            links: 2,
            could_gain: cost_ms.map(|_| 0.0312),
            cost_ms,
            vs_full_mesh: cost_ms.map(|_| 1.0204),
        };
        DemoView {
            epoch: 3,
            elapsed: Duration::from_millis(9500),
            nodes: vec![
                row("Zürich", Some(81.25), &["Oslo", "Rio"]),
                row("Rio", None, &[]),
                row("Oslo", Some(9.0), &["Rio"]),
            ],
            k: 2,
            cost_ratio: None,
            k_random_ratio: Some(1.4),
            unreachable_pairs: 4,
            worthwhile: 0.01,
            rest: None,
        }
    }

    #[test]
    fn the_table_tells_who_chose_whom() {
        let text = "\
epoch  3    9.5 s  4 pairs unreachable (random: 1.400)
NODE       COST  OF MESH  TO GAIN  LINKS  CHOSE
all           -        -        -
Zürich  81.2 ms    1.020    3.1 %      2  Oslo, Rio
Rio           -        -        -      2
Oslo    9.00 ms    1.020    3.1 %      2  Rio";
        assert_eq!(lines(&view(), 100, 24).join("\n"), text);
    }

    #[test]
    fn the_first_row_is_what_is_judged() {
        let mut view = DemoView { cost_ratio: Some(1.0212), unreachable_pairs: 0, ..view() };
        view.nodes.remove(1);
        view.nodes[0].could_gain = Some(0.004);
        assert_eq!(view.table().lines()[1], "all     45.1 ms    1.021    3.1 %");
        assert!(view.headline().ends_with("(random: 1.400)  could gain 3.1 %"), "{}", view.headline());
    }

    #[test]
    fn the_headline_tells_when_it_is_settled() {
        let settled = DemoView {
            cost_ratio: Some(1.0212),
            unreachable_pairs: 0,
            rest: Some(Rest::Quiet),
            k_random_ratio: None,
            ..view()
        };
        assert_eq!(settled.headline(), "epoch  3    9.5 s  cost 1.021 of a full mesh  settled");
        let joining = DemoView { epoch: 0, ..settled };
        assert!(joining.headline().starts_with("joining     9.5 s  cost"));
    }

    #[test]
    fn it_fits_the_terminal() {
        let cut = lines(&view(), 20, 5);
        assert_eq!(cut.len(), 4);
        assert!(cut.iter().all(|line| line.chars().count() <= 20), "{cut:?}");
        assert_eq!(cut[3], "… and 3 more nodes");
        assert_eq!(lines(&view(), 0, 0), [""]);
    }

    #[test]
    fn it_is_redrawn_in_place() {
        let (mut screen, mut out) = (Screen::default(), Vec::new());
        screen.draw_within(&view(), 80, 24, &mut out).unwrap();
        let first = out.len();
        assert!(first > 0);
        assert!(!String::from_utf8(out.clone()).unwrap().contains("\x1b[6A"));
        screen.draw_within(&view(), 80, 24, &mut out).unwrap();
        assert!(out[first..].starts_with(b"\x1b[6A\r") && out.ends_with(b"\x1b[J"));
        let second = out.len();
        screen.draw_within(&view(), 60, 24, &mut out).unwrap();
        assert!(out[second..].starts_with(b"\x1b[Hepoch"), "from the top in a terminal of another size");
        screen.draw(&view(), &mut out).unwrap();
    }
}

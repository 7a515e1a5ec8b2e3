//! A script that fails made smaller.
//!
//! What is tried is always smaller by a [`Measure`] than what failed last, and there is no endless row of ever smaller
//! measures: so this ends, whatever a protocol takes for simpler. The number of runs is bounded as well.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::text::read_step;
use super::{Protocol, Script, Step, Terrain};
use crate::sim::faults::{read_duration, write_duration};

/// What a script that fails was made of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Shrunk<P: Protocol> {
    /// The smallest one found that fails.
    pub script: Script<P>,
    /// How that fails.
    pub difference: P::Difference,
    /// How many were run.
    pub runs: u32,
}

/// How large a script is: what comes first counts first. Each part is a natural number, so that there is nothing for ever
/// smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Measure {
    nodes: usize,
    /// Departures are steps as well.
    steps: usize,
    plan: u64,
    /// All numbers and times together.
    amount: u128,
}

impl<P: Protocol> Script<P> {
    /// Makes a script that failed with `difference` smaller, by at most so many runs. `run` says how one fails, which may
    /// be otherwise than this one; [`Script::run`] does.
    pub fn shrink(
        &self,
        difference: P::Difference,
        runs: u32,
        mut run: impl FnMut(&Script<P>) -> Result<(), P::Difference>,
    ) -> Shrunk<P> {
        let mut best = Shrunk { script: self.clone(), difference, runs: 0 };
        'smaller: loop {
            let measure = best.script.measure();
            for script in best.script.candidates().into_iter().filter(|script| script.measure() < measure) {
                if best.runs == runs {
                    return best;
                }
                best.runs += 1;
                if let Err(difference) = run(&script) {
                    best = Shrunk { script, difference, runs: best.runs };
                    continue 'smaller;
                }
            }
            return best;
        }
    }

    pub(super) fn measure(&self) -> Measure {
        let ground = [
            micros(self.jitter),
            u128::from(self.loss_per_million),
            micros(self.clocks),
            self.terrain as u128,
        ];
        let joins = self.joins.iter().map(|join| micros(*join));
        let steps = self.steps.iter().map(|step| amount(&step.to_string()));
        Measure {
            nodes: self.nodes(),
            steps: self.steps.len() + self.departures.len(),
            plan: self.plan.weight(),
            amount: ground.into_iter().chain(joins).chain(steps).fold(0, u128::saturating_add),
        }
    }

    /// What is worth trying next, the boldest first.
    fn candidates(&self) -> Vec<Script<P>> {
        let mut candidates = self.with_fewer_steps();
        candidates.extend(self.with_fewer_nodes());
        candidates.extend(self.with_fewer_departures());
        candidates.extend(self.plan.simpler().into_iter().map(|plan| Script { plan, ..self.clone() }));
        candidates.extend(self.on_simpler_ground());
        candidates.extend(self.with_simpler_steps());
        candidates
    }

    /// Without a part of the steps: all, a half, a quarter, and so on down to single ones.
    fn with_fewer_steps(&self) -> Vec<Script<P>> {
        let (all, mut candidates) = (self.steps.len(), Vec::new());
        let mut part = all;
        while part > 0 {
            for from in (0..all).step_by(part) {
                let mut script = self.clone();
                script.steps.drain(from..(from + part).min(all));
                candidates.push(script);
            }
            part /= 2;
        }
        candidates
    }

    /// The last nodes away, and what names them; with attendants the numbers of these become others.
    fn with_fewer_nodes(&self) -> Vec<Script<P>> {
        let nodes = self.nodes();
        let fewer = |nodes: usize| {
            let mut script = self.clone();
            script.joins.truncate(nodes);
            script.departures.retain(|(node, _)| *node < nodes);
            script.steps.retain(|step| step.last_node().is_none_or(|node| node < nodes + P::ATTENDANTS));
            script.plan.truncate(nodes);
            script
        };
        [nodes / 2, nodes.saturating_sub(1)].into_iter().filter(|nodes| *nodes > 0).map(fewer).collect()
    }

    fn with_fewer_departures(&self) -> Vec<Script<P>> {
        let without = |n| {
            let mut script = self.clone();
            script.departures.remove(n);
            script
        };
        (0..self.departures.len()).map(without).collect()
    }

    fn on_simpler_ground(&self) -> Vec<Script<P>> {
        let joins = vec![Duration::ZERO; self.joins.len()];
        vec![
            Script { joins, ..self.clone() },
            Script { terrain: Terrain::Plane, ..self.clone() },
            Script { jitter: Duration::ZERO, ..self.clone() },
            Script { loss_per_million: 0, ..self.clone() },
            Script { clocks: Duration::ZERO, ..self.clone() },
        ]
    }

    /// Each number and each time in the steps as nothing, and as half of it.
    fn with_simpler_steps(&self) -> Vec<Script<P>> {
        let mut candidates = Vec::new();
        for (n, step) in self.steps.iter().enumerate() {
            for step in smaller_texts(&step.to_string()).iter().filter_map(|text| read_step(text)) {
                let step: Step<P::Order> = step;
                // A smaller number may name another node, but none that there is not.
                if step.last_node().is_none_or(|node| node < self.nodes() + P::ATTENDANTS) {
                    let mut script = self.clone();
                    script.steps[n] = step;
                    candidates.push(script);
                }
            }
        }
        candidates
    }
}

fn micros(time: Duration) -> u128 {
    time.as_micros()
}

/// What the words of a step are together: numbers as they are, times in microseconds.
fn amount(text: &str) -> u128 {
    text.split(' ').filter_map(value).fold(0, u128::saturating_add)
}

fn value(word: &str) -> Option<u128> {
    word.parse().ok().or_else(|| read_duration(word).map(micros))
}

/// A text with one of its numbers or times as nothing, or as half of it.
fn smaller_texts(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let mut texts = Vec::new();
    for (n, word) in words.iter().enumerate() {
        for smaller in smaller_words(word) {
            let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
            words[n] = smaller;
            texts.push(words.join(" "));
        }
    }
    texts
}

fn smaller_words(word: &str) -> Vec<String> {
    if let Ok(number) = word.parse::<u128>() {
        return vec!["0".to_string(), (number / 2).to_string()];
    }
    let Some(time) = read_duration(word) else { return Vec::new() };
    let half = Duration::from_micros(u64::try_from(micros(time) / 2).unwrap_or(u64::MAX));
    vec![write_duration(Duration::ZERO), write_duration(half)]
}

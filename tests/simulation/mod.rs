//! Seeded simulation of the engine: provider calls that fail, hang, lose their answer, are throttled or arrive twice,
//! changes behind everybody's back, specs that change in between, a wall clock that jumps, and a kill at every boundary
//! of the journal.
//!
//! After each kill: nothing is orphaned, nothing is made twice. In the end: the spec holds, the next plan is empty,
//! and a destroy leaves nothing. A failure prints its seed; `cargo xtask sim --seed N` runs that one again.

mod deployment;
mod drawn;
#[path = "../../src/engine/src/apply/tests/sketch.rs"]
mod sketch;

use self::deployment::{Cut, Deployment};
use acquire_provider::memory::Seeded;
use std::fmt;

/// How many seeds are run in CI; `cargo xtask sim --seeds COUNT` runs any number.
const SEEDS: u64 = 200;

/// What was done in a simulation, in order: the same for the same seed.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    /// What it began with.
    pub seed: u64,
    /// Every effect and every kill.
    pub lines: Vec<String>,
}

/// A law that did not hold.
#[derive(Debug)]
pub struct Broken {
    seed: u64,
    boundary: Option<usize>,
    law: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, boundary, law } = self;
        let kill =
            boundary.map_or_else(|| "without a kill".to_owned(), |events| format!("killed after {events} events"));
        write!(f, "seed {seed}, {kill}: {law}\nrun it again with `cargo xtask sim --seed {seed}`")
    }
}

/// Plays the story of a seed without a kill, then again with a kill after each event of its middle round.
pub fn simulate(seed: u64) -> Result<Trace, Broken> {
    let broken = |boundary, law| Broken { seed, boundary, law };
    let (_, mut lines) = play(seed, None).map_err(|law| broken(None, law))?;
    for boundary in 0.. {
        let (was_killed, more) = play(seed, Some(boundary)).map_err(|law| broken(Some(boundary), law))?;
        lines.extend(more);
        if !was_killed {
            break;
        }
    }
    Ok(Trace { seed, lines })
}

/// Plays the story of a seed. Returns whether the kill came to pass, and what was done.
fn play(seed: u64, boundary: Option<usize>) -> Result<(bool, Vec<String>), String> {
    let dice = Seeded::new(seed);
    let mut deployment = Deployment::new(seed);
    let rounds = 3 + dice.below(3);
    let mut author = drawn::Author::new(&dice);
    let mut was_killed = false;
    for round in 0..rounds {
        if round > 0 {
            author.goes_on(&dice);
            deployment.meddle(&dice);
            deployment.set_the_clock(&dice);
        }
        let spec = author.spec();
        deployment.plan_faults(drawn::faults(&spec, &dice));
        let cut = match boundary.filter(|_| round == rounds / 2) {
            Some(events) => Cut::AfterEvents(events),
            None => drawn::cut(&dice),
        };
        let is_destroyed = dice.below(6) == 0;
        deployment.run(if is_destroyed { None } else { Some(&spec) }, cut)?;
        was_killed |= boundary.is_some() && round == rounds / 2 && deployment.has_died();
        deployment.check_nothing_is_lost()?;
    }
    deployment.converge(&author.spec())?;
    deployment.destroy()?;
    Ok((was_killed, deployment.lines()))
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn simulation_of_the_engine_holds_its_laws_for_every_seed() {
    let seeds = match variable("ACQUIRE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("ACQUIRE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (mut kills, count) = (0, seeds.end - seeds.start);
    for seed in seeds {
        match simulate(seed) {
            Ok(trace) => kills += trace.lines.iter().filter(|line| line.starts_with("killed")).count(),
            Err(broken) => panic!("{broken}"),
        }
    }
    println!("{count} seeds, {kills} kills, every law held");
}

#[test]
fn simulation_of_one_seed_is_always_the_same() {
    assert_eq!(simulate(3).unwrap(), simulate(3).unwrap());
}

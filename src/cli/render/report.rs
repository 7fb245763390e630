//! What an apply came to, and what was proved.

use acquire_engine::apply::{Outcome, Resumed};
use acquire_engine::state::{InDoubt, Run, State};
use acquire_model::{Address, ServiceType, Timestamp, attributes};
use acquire_provider::verify::Report;
use std::path::Path;

use super::progress::seconds;
use crate::cli::operation::counted;
use crate::cli::project::Project;

/// Digits by which a digest is shown.
const DIGEST_CHARACTERS: usize = 4;

/// One service as people find it.
pub struct Place {
    /// Which.
    pub service: ServiceType,
    /// Its uid, once it is registered.
    pub uid: Option<String>,
    /// Its URL.
    pub url: String,
    /// Its canonical URL.
    pub canonical_url: String,
}

/// The services of a state, in the order in which they are set up.
pub fn places(state: &State) -> Vec<Place> {
    let place = |service: ServiceType| {
        let of = |kind: &str, name: &str| {
            let address: Address = format!("{service}/{kind}").parse().ok()?;
            attributes::text(&state.resources.get(&address)?.attributes, name).map(str::to_owned)
        };
        Some(Place {
            service,
            uid: of("registration", "uid"),
            url: of("function", "url")?,
            canonical_url: of("function", "canonical_url").unwrap_or_default(),
        })
    };
    ServiceType::ALL.into_iter().filter_map(place).collect()
}

/// A table of the services: name, URL, uid.
pub fn services(places: &[Place]) -> String {
    let width = places.iter().map(|place| place.url.len()).max().unwrap_or_default();
    let line = |place: &Place| {
        let uid = place.uid.as_deref().unwrap_or_default();
        format!("  {:<10}  {:<width$}  {uid}", place.service.as_str(), place.url).trim_end().to_owned() + "\n"
    };
    places.iter().map(line).collect()
}

/// A point in time, to the second: `2026-11-25 01:58:06 UTC`.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} UTC", text.split('.').next().unwrap_or(&text).replace('T', " "))
}

/// The beginning of a digest or of a key, as people are shown it.
pub fn short(digest: &str) -> String {
    match digest.char_indices().nth(DIGEST_CHARACTERS) {
        Some((end, _)) => format!("{}…", digest.get(..end).unwrap_or_default()),
        None => digest.to_owned(),
    }
}

/// The steps whose outcome nobody knows yet.
pub fn doubts(state: &State) -> String {
    let line = |(address, doubt): (&Address, &InDoubt)| {
        format!("  ? {address}  {} begun {}\n", doubt.intent.action, moment(doubt.since))
    };
    let lines: String = state.in_doubt.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("In doubt, since a run was cut off\n{lines}") }
}

/// What to keep safe after the first apply.
pub fn back_up(keys: &Path, has_passphrase: bool) -> String {
    let keys = keys.display();
    let (what, without) = if has_passphrase {
        (format!("Keep the passphrase, and back up {keys}"), "it and the keys there")
    } else {
        (format!("Back up {keys}"), "the state key and other keys there")
    };
    format!("{what}, apart from the data: without {without} neither state nor data opens again.\n")
}

/// What there is to resume.
pub fn resuming(run: Option<&Run>, in_doubt: usize) -> String {
    match run.filter(|run| run.ended.is_none()) {
        Some(run) => {
            format!("Resuming epoch {}: {} of {} steps done, {in_doubt} in doubt.\n", run.epoch, run.done, run.steps)
        }
        None => format!("Resuming: {} in doubt.\n", counted(in_doubt, "step")),
    }
}

/// What became of the steps in doubt.
pub fn resumed(resumed: &Resumed) -> String {
    let there = resumed.made.iter().map(|address| (address.to_string(), "is there (found by name and owner) → kept"));
    let absent =
        resumed.not_made.iter().map(|address| (address.to_string(), "is not there → done now if it is needed"));
    let all: Vec<(String, &str)> = there.chain(absent).collect();
    let width = all.iter().map(|(address, _)| address.len()).max().unwrap_or_default();
    all.iter().map(|(address, words)| format!("  ? {address:<width$}  {words}\n")).collect()
}

/// What was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// An apply.
    Apply {
        /// How many steps a run had done that was cut off, and that this one goes on with.
        before: u64,
    },
    /// A destroy.
    Destroy,
    /// A rollback.
    Rollback,
}

/// What an apply or destroy came to, in one line or a few.
pub fn outcome(command: Command, outcome: &Outcome) -> String {
    let Outcome { added, changed, destroyed, .. } = outcome;
    let (word, sums) = match command {
        Command::Apply { before } => {
            let before = if before == 0 { String::new() } else { format!(" now; {before} done before") };
            ("Apply", format!("{added} added, {changed} changed, {destroyed} destroyed{before}"))
        }
        Command::Destroy => ("Destroy", format!("{destroyed} destroyed")),
        Command::Rollback => ("Rollback", format!("{changed} changed")),
    };
    // The plan listed them.
    let kept = if outcome.kept.is_empty() { String::new() } else { format!(", {} kept", outcome.kept.len()) };
    let mut text = match (outcome.failed.len(), outcome.skipped.len()) {
        (0, 0) => format!("{word} complete: {sums}{kept}.\n"),
        (0, skipped) => format!("{word} stopped in part: {sums}{kept}; {skipped} not started.\n"),
        (failed, 0) => format!("{word} stopped in part: {sums}{kept}; {failed} failed.\n"),
        (failed, skipped) => {
            format!("{word} stopped in part: {sums}{kept}; {failed} failed, {skipped} not started because of that.\n")
        }
    };
    for (address, when) in &outcome.scheduled {
        text.push_str(&format!("  {address} is deleted by its vendor at {}\n", moment(*when)));
    }
    text
}

/// What to do after a run that stopped in part.
pub fn go_on(project: &Project, words: &str, outcome: &Outcome) -> String {
    let first = if outcome.failed.is_empty() { "" } else { "put right what failed, then " };
    format!("Next: {first}`{}` goes on from here\n", project.command(words))
}

/// What was proved; only what was checked in this run is claimed.
pub fn verified(report: &Report, asked: usize, binary: &str) -> String {
    let good = report.services.len();
    let which = if report.services.iter().all(|verified| verified.binary == binary) && good > 0 {
        format!(" (binary {}, same as this one)", short(binary))
    } else {
        String::new()
    };
    let mut text =
        format!("Verified: {good} of {asked} answered a fresh challenge with the key they were given{which}.\n");
    if !report.flow.is_empty() {
        let works = if report.failures.is_empty() { "works" } else { "works so far" };
        text.push_str(&format!("          {}: {works} ({}).\n", report.flow.join(" → "), seconds(report.flow_took)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_model::{Code, Diagnostic};
    use acquire_provider::verify::Verified;
    use std::time::Duration;

    fn report(binaries: &[&str], failures: usize) -> Report {
        let verified = |binary: &&str| Verified {
            service: ServiceType::Identity,
            uid: "a0-a1".to_owned(),
            url: "http://127.0.0.1/t/identity".to_owned(),
            binary: (*binary).to_owned(),
            took: Duration::ZERO,
        };
        Report {
            services: binaries.iter().map(verified).collect(),
            flow: vec!["register".to_owned(), "login".to_owned()],
            flow_took: Duration::from_millis(240),
            failures: vec![Diagnostic::error(Code(1), "x"); failures],
        }
    }

    #[test]
    fn only_what_was_checked_is_claimed() {
        let good = verified(&report(&["9ac100", "9ac100"], 0), 2, "9ac100");
        assert_eq!(
            good,
            "Verified: 2 of 2 answered a fresh challenge with the key they were given (binary 9ac1…, same as this one).\n          \
             register → login: works (0.2 s).\n"
        );
        let other = verified(&report(&["9ac100", "beef"], 1), 3, "9ac100");
        assert!(other.starts_with("Verified: 2 of 3 ") && !other.contains("same as this one"), "{other}");
        assert!(other.contains("works so far"), "{other}");
        assert!(!verified(&report(&[], 1), 1, "9ac100").contains("same as this one"));
    }

    #[test]
    fn an_outcome_says_what_was_done_and_what_was_not() {
        let complete = Outcome { added: 3, changed: 1, ..Outcome::default() };
        let applied = |before| outcome(Command::Apply { before }, &complete);
        assert_eq!(applied(0), "Apply complete: 3 added, 1 changed, 0 destroyed.\n");
        assert_eq!(applied(32), "Apply complete: 3 added, 1 changed, 0 destroyed now; 32 done before.\n");
        let address: Address = "a/marker".parse().unwrap();
        let part = Outcome {
            destroyed: 2,
            failed: vec![(address.clone(), Diagnostic::error(Code(1), "x"))],
            skipped: vec![address.clone()],
            kept: vec![address],
            ..Outcome::default()
        };
        assert_eq!(
            outcome(Command::Destroy, &part),
            "Destroy stopped in part: 2 destroyed, 1 kept; 1 failed, 1 not started because of that.\n"
        );
    }
}

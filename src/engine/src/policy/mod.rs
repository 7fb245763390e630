//! Whether a plan keeps the rules of its spec: the policies, and the preconditions of services and resources.
//!
//! A rule is asked of the plan as it is published, and of nothing else. A rule that is neither true nor false denies:
//! what could not be checked is not let through.

/// Codes of this module.
pub mod codes;
/// A plan as it is published.
mod publish;

pub use publish::publish;

use acquire_model::{Action, Diagnostic};
use serde_json::Value;

use crate::condition::{Condition, Facts, Undecided};
use crate::published::{Change, Plan, json};
use crate::spec::{Effect, Policy, Rule};

/// Most changes that are listed for one rule.
const LISTED_MAX: usize = 10;

/// What the rules of a spec say of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Judgement {
    /// Why the plan is refused; it is not, if there is nothing.
    pub denied: Vec<Diagnostic>,
    /// What people should look at.
    pub warned: Vec<Diagnostic>,
}

/// Asks every rule of a plan, in the order of the rules.
pub fn judge(policies: &[Policy], plan: &Plan) -> Judgement {
    if policies.is_empty() {
        return Judgement::default();
    }
    let whole = json(plan);
    let facts = Facts::new([("plan", &whole)]);
    let changes: Vec<(&Change, Value)> = plan.changes.iter().map(|change| (change, json(change))).collect();
    let mut judgement = Judgement::default();
    for policy in policies {
        let answers = Court { facts: &facts, changes: &changes }.answers(policy);
        let diagnostics = [answers.met(policy), answers.undecided(policy)].into_iter().flatten();
        match policy.effect {
            Effect::Warn => judgement.warned.extend(diagnostics),
            Effect::Deny | Effect::Require => judgement.denied.extend(diagnostics),
        }
    }
    judgement
}

struct Court<'a> {
    facts: &'a Facts<'static>,
    changes: &'a [(&'a Change, Value)],
}

/// What the answers to one rule were.
#[derive(Default)]
struct Answers<'a> {
    /// Whether the plan as a whole met it.
    whole: bool,
    /// The changes that met it.
    met: Vec<&'a Change>,
    /// Where there was no answer.
    undecided: Vec<(Option<&'a Change>, Undecided)>,
}

impl<'a> Court<'a> {
    fn answers(&self, policy: &Policy) -> Answers<'a> {
        let mut answers = Answers::default();
        if !is_of_changes(policy) {
            match self.is_met(policy, self.facts) {
                Ok(met) => answers.whole = met,
                Err(undecided) => answers.undecided.push((None, undecided)),
            }
            return answers;
        }
        for (change, json) in self.changes.iter().filter(|(change, _)| concerns(policy, change)) {
            match self.is_met(policy, &self.facts.with("change", json)) {
                Ok(true) => answers.met.push(change),
                Ok(false) => {}
                Err(undecided) => answers.undecided.push((Some(change), undecided)),
            }
        }
        answers
    }

    /// Whether what the rule is there for is the case.
    fn is_met(&self, policy: &Policy, facts: &Facts<'_>) -> Result<bool, Undecided> {
        let holds = |condition: &Condition| condition.holds(facts, self.changes.len());
        if !policy.when.as_ref().map_or(Ok(true), holds)? {
            return Ok(false);
        }
        let answer = holds(&policy.condition)?;
        Ok(if policy.effect == Effect::Require { !answer } else { answer })
    }
}

/// Whether a rule is asked of each change; else it is asked once.
fn is_of_changes(policy: &Policy) -> bool {
    let names_change = |condition: &Condition| condition.names("change");
    matches!(policy.rule, Rule::Precondition(_))
        || names_change(&policy.condition)
        || policy.when.as_ref().is_some_and(names_change)
}

/// Whether a rule speaks of a change: a precondition only of its owner's, before they are made or changed.
fn concerns(policy: &Policy, change: &Change) -> bool {
    match &policy.rule {
        Rule::Policy(_) => true,
        Rule::Precondition(owner) => {
            change.owner == *owner && matches!(change.action, Action::Create | Action::Update | Action::Replace)
        }
    }
}

impl Answers<'_> {
    /// Says that the rule is met, if it is.
    fn met(&self, policy: &Policy) -> Option<Diagnostic> {
        if !self.whole && self.met.is_empty() {
            return None;
        }
        let summary = match (&policy.rule, policy.effect) {
            (Rule::Policy(name), Effect::Warn) => format!("policy `{name}` warns: {}", policy.message),
            (Rule::Policy(name), _) => format!("policy `{name}` denies this plan: {}", policy.message),
            (Rule::Precondition(owner), _) => format!("a precondition of `{owner}` is not met: {}", policy.message),
        };
        let answer = policy.effect != Effect::Require;
        let label = match self.met.as_slice() {
            [] => format!("this is {answer}"),
            [only] => format!("this is {answer} for `{}`", only.address),
            several => format!("this is {answer} for {} changes", several.len()),
        };
        let diagnostic = match policy.effect {
            Effect::Warn => Diagnostic::warning(codes::WARNED, summary),
            Effect::Deny | Effect::Require => {
                Diagnostic::error(codes::DENIED, summary).hint("nothing was changed; change the spec, or the rule")
            }
        };
        let diagnostic = diagnostic.at(policy.place().clone(), label);
        Some(if self.met.is_empty() { diagnostic } else { diagnostic.detail(listed(&self.met)) })
    }

    /// Says that the rule could not be asked, if that is so, and how to ask it.
    fn undecided(&self, policy: &Policy) -> Option<Diagnostic> {
        let (change, undecided) = self.undecided.first()?;
        let name = match &policy.rule {
            Rule::Policy(name) => format!("policy `{name}`"),
            Rule::Precondition(owner) => format!("a precondition of `{owner}`"),
        };
        let of = change.map(|change| format!(" for `{}`", change.address)).unwrap_or_default();
        let summary = format!("{name} cannot be decided{of}: {}", undecided.reason);
        let diagnostic = match policy.effect {
            Effect::Warn => Diagnostic::warning(codes::UNDECIDED, summary),
            Effect::Deny | Effect::Require => Diagnostic::error(codes::UNDECIDED, summary),
        };
        let label = match self.undecided.len() {
            1 => "this is neither true nor false".to_owned(),
            count => format!("this is neither true nor false for {count} changes"),
        };
        let diagnostic = diagnostic.at(policy.place().clone(), label);
        Some(match advice(*change, undecided) {
            Some(advice) => diagnostic.hint(advice),
            None => diagnostic,
        })
    }
}

/// One line for each change.
fn listed(changes: &[&Change]) -> String {
    let line = |change: &&Change| format!("{}  {}: {}", change.address, change.action, change.reason);
    let mut lines: Vec<String> = changes.iter().take(LISTED_MAX).map(line).collect();
    if changes.len() > LISTED_MAX {
        lines.push(format!("… and {} more", changes.len() - LISTED_MAX));
    }
    lines.join("\n")
}

/// How to ask for something that may not be there.
fn advice(change: Option<&Change>, undecided: &Undecided) -> Option<String> {
    let key = undecided.missing.as_ref()?;
    let has = |names: &[String]| names.contains(key);
    Some(match change {
        Some(change) if has(&change.unknown) => {
            format!(
                "`{key}` is known only after apply; ask `has(change.after.{key}) && …` or `\"{key}\" in change.unknown`"
            )
        }
        Some(change) if has(&change.sensitive) => {
            format!("`{key}` is sensitive and no condition sees it; ask `\"{key}\" in change.sensitive`")
        }
        _ => format!("ask first whether it is there: `has(….{key}) && …`"),
    })
}

#[cfg(test)]
mod tests;

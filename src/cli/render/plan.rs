//! A plan as people read it: by owner, with sign, kind, reason and the line of the spec, and one closing line.

use acquire_engine::plan::{AttributeChange, Call, Drift, Plan, Shown, Step};
use acquire_model::{Action, Address, Name, Span};
use std::collections::BTreeMap;

use super::Paint;
use super::diagnostic::printable;
use crate::cli::operation::counted;

/// Longest value that is shown whole, in characters.
const VALUE_CHARACTERS_MAX: usize = 60;
/// Longest reason that others are aligned with, in characters.
const REASON_CHARACTERS_MAX: usize = 48;
/// Most addresses that are listed in one line.
const LISTED_MAX: usize = 8;

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Of services that are all made alike, only the first.
    Brief,
    /// Everything, with every input.
    Whole,
}

/// Renders a plan.
pub fn render(plan: &Plan, detail: Detail, paint: Paint) -> String {
    let mut text = drift(plan, paint);
    let groups = groups(plan);
    if !text.is_empty() && !groups.is_empty() {
        text.push_str("Plan, to bring it back\n");
    }
    let alike = if detail == Detail::Brief { alike(&groups) } else { Vec::new() };
    for (owner, steps) in groups.iter().filter(|(owner, _)| !alike.contains(owner)) {
        text.push_str(&format!("\n  {owner}\n"));
        text.push_str(&lines(steps, detail, paint));
    }
    if !alike.is_empty() {
        let names: Vec<&str> = alike.iter().map(|name| name.as_str()).collect();
        let more = counted(alike.len(), "more service");
        text.push_str(&format!("  … {more}, alike: {} (-v shows all)\n", names.join(", ")));
    }
    if !plan.kept.is_empty() {
        text.push_str(&format!("\nKept, because they hold data: {}\n", listed(&plan.kept)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + &closing(plan)
}

/// The closing line.
pub fn closing(plan: &Plan) -> String {
    if plan.is_empty() {
        return "No changes.\n".to_owned();
    }
    let summary = plan.summary();
    let written = plan.steps.iter().filter(|step| step.call == Call::Record).count();
    let written = if written == 0 { String::new() } else { format!(" {written} to write down.") };
    let (add, change, destroy) = (summary.add, summary.change, summary.destroy);
    format!("Plan: {add} to add, {change} to change, {destroy} to destroy.{written}\n")
}

/// Addresses in one line, the rest of a long list counted.
pub fn listed(addresses: &[Address]) -> String {
    let shown: Vec<String> = addresses.iter().take(LISTED_MAX).map(Address::to_string).collect();
    match addresses.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A value as people may see it, short.
pub fn shown(value: &Shown) -> String {
    match value {
        Shown::Absent => "none".to_owned(),
        Shown::Known(value) => {
            let text = printable(&value.to_string());
            match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
                Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
                None => text,
            }
        }
        Shown::AfterApply => "(known after apply)".to_owned(),
        Shown::Sensitive => "(sensitive)".to_owned(),
    }
}

type Group<'a> = (&'a Name, Vec<&'a Step>);

/// The steps that are shown, by owner: services in the order in which they are set up, then plain resources in the
/// order in which the plan first comes to each.
fn groups(plan: &Plan) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: BTreeMap<&Name, usize> = BTreeMap::new();
    for step in plan.shown() {
        let owner = step.address.owner();
        let place = *places.entry(owner).or_insert_with(|| {
            groups.push((owner, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, steps)) = groups.get_mut(place) {
            steps.push(step);
        }
    }
    groups.sort_by_key(|(_, steps)| {
        let service = steps.iter().find_map(|step| step.service);
        (service.is_none(), service)
    });
    groups
}

/// Services that wholly come or wholly go, but for the one with the most to show.
fn alike<'a>(groups: &[Group<'a>]) -> Vec<&'a Name> {
    let all = |action| {
        move |(_, steps): &&Group| steps.iter().all(|step| step.service.is_some() && step.action == action)
    };
    let mut alike = Vec::new();
    for action in [Action::Create, Action::Delete] {
        let whole: Vec<&Group> = groups.iter().filter(all(action)).collect();
        let most = whole.iter().rev().max_by_key(|(_, steps)| steps.len()).map(|(owner, _)| *owner);
        alike.extend(whole.iter().map(|(owner, _)| *owner).filter(|owner| Some(*owner) != most));
    }
    alike
}

/// The lines of one owner, in columns.
fn lines(steps: &[&Step], detail: Detail, paint: Paint) -> String {
    let reason = |step: &Step| if step.reason.is_empty() { step.action.to_string() } else { printable(&step.reason) };
    let part_width = steps.iter().map(|step| part(&step.address).len()).max().unwrap_or_default();
    let reasons = steps.iter().map(|step| reason(step).chars().count());
    let reason_width = reasons.filter(|width| *width <= REASON_CHARACTERS_MAX).max().unwrap_or_default();
    let line = |step: &&Step| {
        let sign = paint.action(step.action, &format!("{:<3}", step.action.sign()));
        let place = step.origin.as_ref().map(place).unwrap_or_default();
        let line = format!("    {sign} {:<part_width$}  {:<reason_width$}  {place}", part(&step.address), reason(step));
        format!("{}\n{}", line.trim_end(), inputs(step, detail))
    };
    steps.iter().map(line).collect()
}

/// The address below its owner.
fn part(address: &Address) -> String {
    let name = address.name().map(|name| format!("/{name}")).unwrap_or_default();
    format!("{}{name}", address.kind())
}

fn place(span: &Span) -> String {
    format!("{}:{}", printable(&span.file), span.line)
}

/// What differs. Of a thing that is made: its inputs, where they are not a service's own business.
fn inputs(step: &Step, detail: Detail) -> String {
    let is_made = step.action == Action::Create;
    if (is_made && step.service.is_some() && detail == Detail::Brief) || step.action == Action::Delete {
        return String::new();
    }
    let width = step.changes.iter().map(|change| change.name.chars().count()).max().unwrap_or_default();
    let lines = step.changes.iter().map(|change| {
        let name = printable(&change.name);
        let after = shown(&change.after);
        if is_made {
            format!("          {name:<width$}  {after}\n")
        } else {
            format!("          {name:<width$}  {} → {after}\n", shown(&change.before))
        }
    });
    lines.collect()
}

fn drift(plan: &Plan, paint: Paint) -> String {
    if plan.drift.is_empty() {
        return String::new();
    }
    let width = plan.drift.iter().map(|drift| drift.address.to_string().len()).max().unwrap_or_default();
    let lines = plan.drift.iter().map(|drift| drift_lines(drift, width, paint));
    format!("\nDrift (changed outside Acquire since serial {})\n{}\n", plan.serial, lines.collect::<String>())
}

fn drift_lines(drift: &Drift, width: usize, paint: Paint) -> String {
    let address = drift.address.to_string();
    let seen = format!("seen on {}", drift.provider);
    if drift.gone {
        let sign = paint.action(Action::Delete, "-");
        return format!("  {sign} {address:<width$}  is gone  {seen}\n");
    }
    let sign = paint.action(Action::Update, "~");
    let change = |change: &AttributeChange| {
        let (before, after) = (shown(&change.before), shown(&change.after));
        format!("  {sign} {address:<width$}  {} {before} → {after}  {seen}\n", printable(&change.name))
    };
    drift.changes.iter().map(change).collect()
}

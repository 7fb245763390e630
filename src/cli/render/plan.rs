//! A plan as people read it: by owner, with sign, kind, reason and the line of the spec, and one closing line.

use acquire_engine::plan::{AttributeChange, Call, Drift, Plan, Shown, Step};
use acquire_model::{Action, Address, Name, Span};
use std::collections::BTreeMap;

use super::Paint;
use super::diagnostic::printable;
use crate::cli::operation::counted;

/// Longest value that is shown whole, in characters.
const VALUE_CHARACTERS_MAX: usize = 60;
/// Shortest text of hexadecimal digits that is taken for a digest, and how much of it is shown.
const DIGEST_CHARACTERS_MIN: usize = 32;
const DIGEST_CHARACTERS: usize = 8;
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

/// Whose resources a plan touches, in the order in which they are shown.
pub fn owners(plan: &Plan) -> Vec<&Name> {
    groups(plan).into_iter().map(|(owner, _)| owner).collect()
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
            if let Some(digest) = value.as_str().filter(|text| is_digest(text)) {
                return format!("{}…", digest.get(..DIGEST_CHARACTERS).unwrap_or(digest));
            }
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

fn is_digest(text: &str) -> bool {
    text.len() >= DIGEST_CHARACTERS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
    let all =
        |action| move |(_, steps): &&Group| steps.iter().all(|step| step.service.is_some() && step.action == action);
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn step(address: &str, action: &str, call: &str, more: Value) -> Value {
        let service = address.split('/').next().filter(|owner| ["identity", "access"].contains(owner));
        let mut step = json!({
            "address": address, "action": action, "call": call, "provider": "local", "token": "", "desired": {},
            "sensitive": [], "prior": null, "changes": [], "reason": "not there yet", "origin": null, "needs": [],
            "dependencies": [], "service": service, "holds_data": false,
        });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    }

    fn change(name: &str, before: Value, after: Value) -> Value {
        json!({ "name": name, "before": before, "after": after })
    }

    fn plan(steps: Vec<Value>, drift: Vec<Value>, kept: Vec<&str>) -> Plan {
        serde_json::from_value(json!({
            "format": 1, "lineage": "0".repeat(32), "serial": 41, "spec_digest": null, "binary_sha256": "",
            "steps": steps, "drift": drift, "kept": kept, "unchanged": 0,
        }))
        .unwrap()
    }

    fn text(plan: &Plan) -> String {
        render(plan, Detail::Brief, Paint { colour: false })
    }

    #[test]
    fn nothing_to_do_is_said_in_two_words() {
        assert_eq!(text(&plan(vec![], vec![], vec![])), "No changes.\n");
    }

    #[test]
    fn each_change_has_its_sign_reason_and_line() {
        let origin = json!({ "file": "acquire.yaml", "line": 14, "column": 3, "length": 6 });
        let more = json!({
            "origin": origin, "reason": "memory_bytes changed in the spec",
            "changes": [change("memory_bytes", json!({ "known": 128 }), json!({ "known": 512 }))],
        });
        let digest = "9ac1".repeat(16);
        let replaced = json!({
            "reason": "input changed in the spec; it cannot change in place",
            "changes": [
                change("input", json!({ "known": digest }), json!("after-apply")),
                change("token", json!("absent"), json!("sensitive")),
            ],
        });
        let steps = vec![
            step("m1/marker", "replace", "delete", replaced.clone()),
            step("m1/marker", "replace", "create", replaced),
            step("old/marker", "delete", "delete", json!({ "reason": "no longer in the spec" })),
            step(
                "new/marker",
                "create",
                "create",
                json!({ "changes": [change("input", json!("absent"), json!({ "known": "v" }))] }),
            ),
            step("identity/function", "update", "update", more),
        ];
        let expected = r#"
  identity
    ~   function  memory_bytes changed in the spec  acquire.yaml:14
          memory_bytes  128 → 512

  m1
    -/+ marker  input changed in the spec; it cannot change in place
          input  9ac19ac1… → (known after apply)
          token  none → (sensitive)

  old
    -   marker  no longer in the spec

  new
    +   marker  not there yet
          input  "v"

Plan: 2 to add, 1 to change, 2 to destroy.
"#;
        assert_eq!(text(&plan(steps, vec![], vec![])), expected);
    }

    #[test]
    fn services_that_are_made_alike_are_shown_once() {
        let steps = ["access/bucket", "identity/bucket", "identity/key", "a/marker"];
        let steps = steps.map(|address| step(address, "create", "create", json!({})));
        let plan = plan(steps.to_vec(), vec![], vec![]);
        let brief = text(&plan);
        assert!(brief.contains("… 1 more service, alike: access (-v shows all)"), "{brief}");
        assert!(!brief.contains("\n  access\n"), "{brief}");
        let whole = render(&plan, Detail::Whole, Paint { colour: false });
        assert!(whole.contains("\n  access\n") && !whole.contains('…'), "{whole}");
        assert!(brief.ends_with("Plan: 4 to add, 0 to change, 0 to destroy.\n"));
    }

    #[test]
    fn what_changed_outside_comes_first() {
        let drift = vec![
            json!({
                "address": "identity/function", "provider": "aws", "gone": false, "origin": null,
                "changes": [change("memory_bytes", json!({ "known": 512 }), json!({ "known": 128 }))],
            }),
            json!({ "address": "m1/marker", "provider": "local", "gone": true, "origin": null, "changes": [] }),
        ];
        let steps = vec![step("m1/marker", "create", "create", json!({ "reason": "somebody deleted it outside" }))];
        let expected = "
Drift (changed outside Acquire since serial 41)
  ~ identity/function  memory_bytes 512 → 128  seen on aws
  - m1/marker          is gone  seen on local

Plan, to bring it back

  m1
    +   marker  somebody deleted it outside

Plan: 1 to add, 0 to change, 0 to destroy.
";
        assert_eq!(text(&plan(steps, drift, vec![])), expected);
    }

    #[test]
    fn what_is_kept_is_listed_and_a_long_list_is_counted() {
        let kept: Vec<String> = (0..10).map(|n| format!("m{n}/bucket")).collect();
        let text = text(&plan(vec![], vec![], kept.iter().map(String::as_str).collect()));
        assert!(text.contains("hold data: m0/bucket, ") && text.contains(" m7/bucket and 2 more\n"), "{text}");
    }

    #[test]
    fn no_value_can_steer_the_terminal_and_colour_changes_nothing_else() {
        let value = json!({ "known": format!("a\u{1b}[31m\u{202e}{}", "x".repeat(200)) });
        let more = json!({ "changes": [change("input", json!("absent"), value)], "reason": "\u{1b}[2J" });
        let plan = plan(vec![step("a/marker", "create", "create", more)], vec![], vec![]);
        let plain = text(&plan);
        assert!(!plain.contains(['\u{1b}', '\u{202e}']), "{plain:?}");
        assert!(plain.lines().all(|line| line.chars().count() < 100));
        let coloured = render(&plan, Detail::Brief, Paint { colour: true });
        assert_ne!(coloured, plain);
        assert_eq!(coloured.replace("\u{1b}[32m", "").replace("\u{1b}[0m", ""), plain);
    }
}

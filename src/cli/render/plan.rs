//! A plan as people read it: by owner, with sign, kind, reason and the line of the spec, and one closing line.

use acquire_engine::plan::{AttributeChange, Call, Drift, Plan, Shown, Step};
use acquire_engine::spec::setting_unit;
use acquire_engine::state::Purpose;
use acquire_model::attributes::{Unit, unit};
use acquire_model::{Action, Address, Name, ServiceType, Span};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

use super::Paint;
use super::diagnostic::printable;
use crate::cli::operation::counted;
use crate::providers;

/// Longest value that is shown whole, in characters.
const VALUE_CHARACTERS_MAX: usize = 60;
/// Shortest text of hexadecimal digits that is taken for a digest, and how much of it is shown.
const DIGEST_CHARACTERS_MIN: usize = 32;
const DIGEST_CHARACTERS: usize = 8;
/// Longest reason that others are aligned with, in characters.
const REASON_CHARACTERS_MAX: usize = 48;
/// Most addresses that are listed in one line.
const LISTED_MAX: usize = 8;
/// The attribute of a service's function whose fields the spec has right below the service.
const SETTINGS: &str = "settings";
/// The attribute of a function that says what runs: nothing, if it is null.
const BINARY: &str = "binary";

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Of services to which the same happens, only the first.
    Brief,
    /// Everything, with every input.
    Whole,
}

/// Renders a plan.
pub fn render(plan: &Plan, detail: Detail, paint: Paint) -> String {
    let mut text = drift(plan, paint);
    let groups = groups(plan);
    if !text.is_empty() && !groups.is_empty() {
        let aim = if plan.purpose == Purpose::Refresh { "write it down" } else { "bring it back" };
        text.push_str(&format!("Plan, to {aim}\n"));
    }
    for ((owner, steps), alike) in classes(&groups, detail) {
        text.push_str(&format!("\n  {owner}\n"));
        text.push_str(&lines(steps, detail, paint));
        if !alike.is_empty() {
            let more = counted(alike.len(), "more service");
            text.push_str(&format!("  … {more}, alike: {} (-v shows all)\n", alike.join(", ")));
        }
    }
    if !plan.kept.is_empty() {
        text.push_str(&format!("\nKept, because they hold data or are protected: {}\n", listed(&plan.kept)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    if plan.left > 0 && plan.purpose != Purpose::Rollback {
        let left = counted(plan.left, "resource");
        text.push_str(&format!("Left as they are, by -target or -exclude: {left}. Plan without them afterwards.\n"));
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
    let forgotten = plan.steps.iter().filter(|step| step.call == Call::Forget).count();
    let more = |count: usize, what: &str| if count == 0 { String::new() } else { format!(" {count} {what}.") };
    let moved = plan.steps.iter().filter(|step| step.action == Action::Move).count();
    let more_of_it = [(moved, "to move"), (written, "to write down"), (forgotten, "to forget")];
    let more_of_it: String = more_of_it.into_iter().map(|(count, what)| more(count, what)).collect();
    let (add, change, destroy) = (summary.add, summary.change, summary.destroy);
    format!("Plan: {add} to add, {change} to change, {destroy} to destroy.{more_of_it}\n")
}

/// Whose resources a plan touches, in the order in which they are shown.
pub fn owners(plan: &Plan) -> Vec<&Name> {
    groups(plan).into_iter().map(|(owner, _)| owner).collect()
}

/// Whether something is there but does not run.
pub fn is_down(drift: &Drift) -> bool {
    drift.changes.iter().any(|change| change.name == BINARY && change.after == Shown::Known(Value::Null))
}

/// Addresses in one line, the rest of a long list counted.
fn listed(addresses: &[Address]) -> String {
    let shown: Vec<String> = addresses.iter().take(LISTED_MAX).map(Address::to_string).collect();
    match addresses.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A value as people may see it, short.
fn shown(value: &Shown, unit: Option<Unit>) -> String {
    match value {
        Shown::Absent | Shown::Known(Value::Null) => "none".to_owned(),
        Shown::Known(value) => {
            if let (Some(count), Some(unit)) = (value.as_u64(), unit) {
                return quantity(count, unit);
            }
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

/// A number in the largest unit that leaves it whole.
fn quantity(count: u64, unit: Unit) -> String {
    let (one, larger) = match unit {
        Unit::Bytes => ("B", [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]),
        Unit::Seconds => ("s", [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]),
    };
    let fits = larger.into_iter().find(|(size, _)| count >= *size && count.is_multiple_of(*size));
    let (size, word) = fits.unwrap_or((1, one));
    format!("{} {word}", count / size)
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

/// The groups that are shown, each with the services to which the same happens and which are only named.
fn classes<'g, 'a>(groups: &'g [Group<'a>], detail: Detail) -> Vec<(&'g Group<'a>, Vec<&'a str>)> {
    let mut classes: Vec<(String, Vec<&Group>)> = Vec::new();
    for group in groups {
        let likeness = if detail == Detail::Brief { likeness(group) } else { group.0.to_string() };
        match classes.iter_mut().find(|(known, _)| *known == likeness) {
            Some((_, members)) => members.push(group),
            None => classes.push((likeness, vec![group])),
        }
    }
    let class = |(_, members): (String, Vec<&'g Group<'a>>)| {
        let most = members.iter().rev().max_by_key(|(_, steps)| steps.len()).copied()?;
        let others = members.iter().filter(|(owner, _)| *owner != most.0);
        Some((most, others.map(|(owner, _)| owner.as_str()).collect()))
    };
    classes.into_iter().filter_map(class).collect()
}

/// What is the same for services to which the same happens. Where all of a service comes or goes it does not matter
/// which parts it has.
fn likeness((owner, steps): &Group<'_>) -> String {
    let first = steps.first().map(|step| step.action);
    let is_whole =
        matches!(first, Some(Action::Create | Action::Delete)) && steps.iter().all(|step| Some(step.action) == first);
    if steps.iter().any(|step| step.service.is_none()) {
        return owner.to_string();
    }
    let line = |step: &&Step| match is_whole {
        true => format!("{} {}", step.action, step.reason),
        false => format!("{} {} {}{}", step.action, part(&step.address), step.reason, inputs(step, Detail::Brief)),
    };
    let lines: BTreeSet<String> = steps.iter().map(line).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n").replace(owner.as_str(), "…")
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
    let rows: Vec<Row> = step.changes.iter().flat_map(|change| rows(change, step.service)).collect();
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    let line = |Row { name, before, after }: &Row| {
        let before = if is_made { String::new() } else { format!("{before} → ") };
        format!("          {name:<width$}  {before}{after}\n")
    };
    rows.iter().map(line).collect()
}

/// One line of what differs.
struct Row {
    name: String,
    before: String,
    after: String,
}

/// What differs, under the names that the spec has for it; of an object, only the fields that differ.
fn rows(change: &AttributeChange, service: Option<ServiceType>) -> Vec<Row> {
    let AttributeChange { name, before, after } = change;
    if let (Shown::Known(Value::Object(before)), Shown::Known(Value::Object(after))) = (before, after) {
        let field = |fields: &Map<String, Value>, name| fields.get(name).cloned().map_or(Shown::Absent, Shown::Known);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
        let fields = differing.map(|of| AttributeChange {
            name: if service.is_some() && name == SETTINGS { of.clone() } else { format!("{name}.{of}") },
            before: field(before, of),
            after: field(after, of),
        });
        return fields.flat_map(|change| rows(&change, service)).collect();
    }
    let (short, unit) = unit(name);
    let unit = unit.or_else(|| setting_unit(service?, name));
    let name = printable(if service.is_some() { short } else { name });
    vec![Row { name, before: shown(before, unit), after: shown(after, unit) }]
}

/// What was changed outside; nothing if nothing was.
pub fn drift(plan: &Plan, paint: Paint) -> String {
    if plan.drift.is_empty() {
        return String::new();
    }
    let width = plan.drift.iter().map(|drift| drift.address.to_string().len()).max().unwrap_or_default();
    let lines = plan.drift.iter().map(|drift| drift_lines(drift, width, paint));
    format!("\nDrift (changed outside Acquire since serial {})\n{}\n", plan.serial, lines.collect::<String>())
}

fn drift_lines(drift: &Drift, width: usize, paint: Paint) -> String {
    let address = drift.address.to_string();
    let seen = format!("seen on {}", providers::place(&drift.provider));
    if drift.gone {
        let sign = paint.action(Action::Delete, "-");
        return format!("  {sign} {address:<width$}  is gone  {seen}\n");
    }
    let sign = paint.action(Action::Update, "~");
    if is_down(drift) {
        return format!("  {sign} {address:<width$}  is not running  {seen}\n");
    }
    let service = drift.address.owner().as_str().parse().ok();
    let rows = drift.changes.iter().flat_map(|change| rows(change, service));
    let line = |Row { name, before, after }| format!("  {sign} {address:<width$}  {name} {before} → {after}  {seen}\n");
    rows.map(line).collect()
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
            "lifecycle": {},
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
            "steps": steps, "drift": drift, "kept": kept, "unchanged": 0, "left": 0,
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
            "origin": origin, "reason": "memory, otp_reuse and timeout changed in the spec",
            "changes": [
                change("memory_bytes", json!({ "known": 128 << 20 }), json!({ "known": 1 << 30 })),
                change(
                    "settings",
                    json!({ "known": { "otp_reuse": "reject", "rotate_seconds": 604_800, "session": { "pending": 1800 } } }),
                    json!({ "known": { "otp_reuse": "allow", "rotate_seconds": 604_800, "session": {} } }),
                ),
                change("timeout_seconds", json!({ "known": 90 }), json!({ "known": 7200 })),
            ],
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
    ~   function  memory, otp_reuse and timeout changed in the spec  acquire.yaml:14
          memory           128 MiB → 1 GiB
          otp_reuse        "reject" → "allow"
          session.pending  30 min → none
          timeout          90 s → 2 h

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
    fn services_to_which_the_same_happens_are_shown_once_with_the_common_reason() {
        let update = |service: &str, before: Value, reason: &str| {
            let address = format!("{service}/function");
            let more = json!({ "reason": reason, "changes": [change("binary", before, json!({ "known": "new" }))] });
            step(&address, "update", "update", more)
        };
        let old = || json!({ "known": "old" });
        let alike = ["identity", "access"].map(|service| update(service, old(), "binary changed"));
        let expected = r#"
  identity
    ~   function  binary changed
          binary  "old" → "new"
  … 1 more service, alike: access (-v shows all)

Plan: 0 to add, 2 to change, 0 to destroy.
"#;
        let plan_of = |steps: Vec<Value>| plan(steps, vec![], vec![]);
        let text_of_alike = text(&plan_of(alike.to_vec()));
        assert_eq!(
            text_of_alike.replace("access", "x").replace("identity", "x"),
            expected.replace("access", "x").replace("identity", "x")
        );
        let by_owner = ["identity", "access"]
            .map(|service| update(service, old(), &format!("depends on {service}/bucket which is changed")));
        assert!(text(&plan_of(by_owner.to_vec())).contains("1 more service, alike"), "each on its own bucket is alike");
        for other in
            [update("access", old(), "it is not running"), update("access", json!({ "known": "x" }), "binary changed")]
        {
            let text = text(&plan_of(vec![update("identity", old(), "binary changed"), other]));
            assert!(!text.contains("alike"), "{text}");
        }
    }

    #[test]
    fn what_changed_outside_comes_first() {
        let drift = vec![
            json!({
                "address": "identity/function", "provider": "aws", "gone": false, "origin": null,
                "changes": [change("memory_bytes", json!({ "known": 512 << 20 }), json!({ "known": 128 << 20 }))],
            }),
            json!({
                "address": "access/function", "provider": "local", "gone": false, "origin": null,
                "changes": [change("binary", json!({ "known": "9ac1" }), json!({ "known": null }))],
            }),
            json!({ "address": "m1/marker", "provider": "local", "gone": true, "origin": null, "changes": [] }),
        ];
        let steps = vec![step("m1/marker", "create", "create", json!({ "reason": "somebody deleted it outside" }))];
        let expected = "
Drift (changed outside Acquire since serial 41)
  ~ identity/function  memory 512 MiB → 128 MiB  seen on aws
  ~ access/function    is not running  seen on this machine
  - m1/marker          is gone  seen on this machine

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
        assert!(text.contains(": m0/bucket, ") && text.contains(" m7/bucket and 2 more\n"), "{text}");
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

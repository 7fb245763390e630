use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use cel::{IdedExpr, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

use super::extent::Extents;
use super::value::{Facts, to_json};

/// Most parts that are told.
const PARTS_MAX: usize = 12;

/// Returns the parts of an expression that say why it is false, each with what it came to.
pub(super) fn seen(whole: &IdedExpr, extents: &Extents<'_>, facts: &Facts<'_>) -> Vec<(String, Json)> {
    let mut seen = Seen { extents, parts: Vec::new() };
    seen.why_false(whole, facts);
    seen.parts.truncate(PARTS_MAX);
    seen.parts
}

struct Seen<'a> {
    extents: &'a Extents<'a>,
    parts: Vec<(String, Json)>,
}

impl Seen<'_> {
    fn why_false(&mut self, part: &IdedExpr, facts: &Facts<'_>) {
        match &part.expr {
            Expr::Call(call) => self.call(part, call, facts),
            Expr::Comprehension(comprehension) => self.looped(comprehension, facts),
            _ => self.note(part, facts),
        }
    }

    fn call(&mut self, part: &IdedExpr, call: &CallExpr, facts: &Facts<'_>) {
        match (call.func_name.as_str(), call.args.as_slice()) {
            // Of a conjunction, only what is not true is to blame.
            (operators::LOGICAL_AND, terms) => {
                let blamed = terms.iter().filter(|term| facts.resolve(term) != Ok(Value::Bool(true)));
                blamed.for_each(|term| self.why_false(term, facts));
            }
            (operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::CONDITIONAL, terms) => {
                terms.iter().for_each(|term| self.why_false(term, facts));
            }
            (operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT, _) => self.note(part, facts),
            (_, arguments) => {
                call.target.as_deref().into_iter().chain(arguments).for_each(|argument| self.note(argument, facts));
            }
        }
    }

    /// Of a loop, the elements for which its condition is false, and what the first of them has.
    fn looped(&mut self, comprehension: &ComprehensionExpr, facts: &Facts<'_>) {
        let range = &comprehension.iter_range;
        let Some(predicate) = predicate(comprehension) else { return self.note(range, facts) };
        let items = match facts.resolve(range) {
            Ok(Value::List(items)) => items.to_vec(),
            // Of an object, a loop goes through the keys.
            Ok(Value::Map(map)) => {
                let keys: BTreeMap<String, Value> = map.map.keys().map(|key| (key.to_string(), key.into())).collect();
                keys.into_values().collect()
            }
            _ => return self.note(range, facts),
        };
        let bound = |item: &Value| facts.bound(&comprehension.iter_var, item.clone());
        let is_false = |item: &&Value| bound(item).resolve(predicate) != Ok(Value::Bool(true));
        let blamed: Vec<&Value> = items.iter().filter(is_false).collect();
        let text = format!("{}, where it is not true", self.extents.slice(range));
        self.add(text, blamed.iter().map(|item| to_json(item)).collect());
        if let Some(first) = blamed.first() {
            self.why_false(predicate, &bound(first));
        }
    }

    /// Notes what a part came to, unless it says so itself.
    fn note(&mut self, part: &IdedExpr, facts: &Facts<'_>) {
        if is_told(part) {
            return;
        }
        if let Ok(value) = facts.resolve(part) {
            self.add(self.extents.slice(part).to_owned(), to_json(&value));
        }
    }

    fn add(&mut self, text: String, value: Json) {
        if !self.parts.iter().any(|(known, _)| *known == text) {
            self.parts.push((text, value));
        }
    }
}

/// What must be true of every element, if the loop is an `all`.
fn predicate(comprehension: &ComprehensionExpr) -> Option<&IdedExpr> {
    match &comprehension.loop_step.expr {
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => call.args.get(1),
        _ => None,
    }
}

/// Whether a part is written out: a literal, or a list of them.
fn is_told(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Literal(LiteralValue::Bytes(_)) => false,
        Expr::Literal(_) => true,
        Expr::List(list) => list.elements.iter().all(is_told),
        _ => false,
    }
}

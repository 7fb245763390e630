use acquire_model::{Expression, Name, Span};

use super::build::{self, object, objects, text};
use super::check::Checked;
use super::grammar::POLICY_NAME;
use super::shape::{Field, Known, Shape, Table};
use crate::condition::Condition;
use crate::published::policy_vocabulary;

/// A rule that every plan must keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which rule it is.
    pub rule: Rule,
    /// Of which changes it speaks, if not of all.
    pub when: Option<Condition>,
    /// What is asked.
    pub condition: Condition,
    /// What follows from the answer.
    pub effect: Effect,
    /// What people are told then.
    pub message: String,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is a policy of that name.
    Policy(String),
    /// It is a precondition of that service or resource.
    Precondition(Name),
}

/// What follows from the answer of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The plan is refused if it is true.
    Deny,
    /// People are warned if it is true.
    Warn,
    /// The plan is refused if it is false.
    Require,
}

impl Policy {
    /// Where its condition stands.
    pub fn place(&self) -> &Span {
        self.condition.place()
    }
}

/// The section `policy`.
pub(super) fn policies() -> Shape {
    let when = "Of which changes it speaks: a condition over `change`; without it, of the plan or of every change.";
    let deny = "The plan is refused where this is true.";
    let warn = "A warning is given where this is true, and the plan goes on.";
    list(
        Table::new(
            "a policy",
            vec![
                Field::new("name", Shape::Ruled(&POLICY_NAME), "What the policy is called.").required(),
                Field::new("when", condition(), when),
                Field::new("deny", condition(), deny),
                Field::new("warn", condition(), warn),
                Field::new("message", Shape::Text, "What people are told then.").required(),
            ],
        )
        .one_of(&["deny", "warn"]),
    )
}

/// The preconditions of a service or a resource.
pub(super) fn preconditions() -> Shape {
    let asked = "What must be true: a condition over `plan`, and over `change`, the change of the resource itself.";
    list(Table::new(
        "a precondition",
        vec![
            Field::new("condition", condition(), asked).required(),
            Field::new("message", Shape::Text, "What people are told if it is false.").required(),
        ],
    ))
}

fn condition() -> Shape {
    Shape::Condition(policy_vocabulary)
}

fn list(table: Table) -> Shape {
    // An interpolated condition could not be checked before its values are known, and a message could tell a secret.
    let fields = table.fields.into_iter().map(|field| field.known(Known::Written)).collect();
    Shape::List(Box::new(Shape::Table(Table { fields, ..table })))
}

/// Makes the policies of a checked spec, then the preconditions of its services and resources. What is not right in one
/// is reported already; it is left out.
pub(super) fn build(checked: &Checked) -> Vec<Policy> {
    let policies = items(checked.fields.get("policy"));
    let policies = policies.filter_map(|(position, fields)| policy(checked, &format!("policy.{position}"), fields));
    let owned = ["services", "resources"].into_iter().flat_map(|section| {
        let owners = objects(&checked.fields, section);
        owners.map(move |(name, fields)| (format!("{section}.{name}.lifecycle.preconditions"), name, fields))
    });
    let preconditions = owned.flat_map(|(path, name, fields)| {
        let list = object(fields, "lifecycle").and_then(|lifecycle| lifecycle.get("preconditions"));
        let items = items(list);
        items.filter_map(move |(position, fields)| precondition(checked, &format!("{path}.{position}"), name, fields))
    });
    policies.chain(preconditions).collect()
}

fn policy(checked: &Checked, path: &str, fields: &build::Fields) -> Option<Policy> {
    let condition = |field: &str| checked.conditions.get(&format!("{path}.{field}")).cloned();
    let (effect, asked) = match (condition("deny"), condition("warn")) {
        (Some(asked), _) => (Effect::Deny, asked),
        (None, asked) => (Effect::Warn, asked?),
    };
    let (rule, message) = (Rule::Policy(text(fields, "name")?.to_owned()), text(fields, "message")?.to_owned());
    Some(Policy { rule, when: condition("when"), condition: asked, effect, message })
}

fn precondition(checked: &Checked, path: &str, owner: &str, fields: &build::Fields) -> Option<Policy> {
    let condition = checked.conditions.get(&format!("{path}.condition"))?.clone();
    let (rule, message) = (Rule::Precondition(owner.parse().ok()?), text(fields, "message")?.to_owned());
    Some(Policy { rule, when: None, condition, effect: Effect::Require, message })
}

/// The objects of a list, each with its position.
pub(crate) fn items(list: Option<&Expression>) -> impl Iterator<Item = (usize, &build::Fields)> {
    let items = match list {
        Some(Expression::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().enumerate().filter_map(|(position, item)| match item {
        Expression::Object(fields) => Some((position, fields)),
        _ => None,
    })
}

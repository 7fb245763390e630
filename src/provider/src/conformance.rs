//! The suite that every provider passes. A behaviour is specified by adding a check here, then made true in each.

use crate::{Change, Context, Deleted, Error, Resource, Target};
use acquire_model::Attributes;

/// A resource to try the contract on. The deployment of the context must hold nothing of this kind yet.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// What every call is given.
    pub cx: &'a Context,
    /// The kind.
    pub resource: &'a dyn Resource,
    /// Which one.
    pub target: &'a Target,
    /// Good inputs.
    pub desired: &'a Attributes,
    /// Other good inputs that can be changed to in place, if the kind has any.
    pub changed: Option<&'a Attributes>,
}

/// A part of the contract that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A call failed that must succeed.
    #[error("{0}: {1}")]
    Failed(&'static str, Error),
    /// A rule does not hold.
    #[error("{0}")]
    Broken(&'static str),
}

fn must<T>(what: &'static str, result: Result<T, Error>) -> Result<T, Violation> {
    result.map_err(|error| Violation::Failed(what, error))
}

fn holds(rule: &'static str, condition: bool) -> Result<(), Violation> {
    if condition { Ok(()) } else { Err(Violation::Broken(rule)) }
}

/// Runs every check in order; leaves nothing behind.
///
/// # Errors
/// The first part of the contract that does not hold.
pub async fn run(case: Case<'_>) -> Result<(), Violation> {
    nothing_is_there(case).await?;
    let made = creating_twice_makes_one(case).await?;
    a_lost_reply_is_found_again(case, &made).await?;
    if let Some(changed) = case.changed {
        a_change_is_seen_and_made(case, &made, changed).await?;
    }
    deleting_leaves_nothing(case).await
}

/// Before anything: no read, no listing, and a delete that succeeds.
async fn nothing_is_there(Case { cx, resource, target, .. }: Case<'_>) -> Result<(), Violation> {
    holds("read of nothing is nothing", must("read", resource.read(cx, target, None).await)?.is_none())?;
    holds("list of nothing is empty", must("list", resource.list(cx).await)?.is_empty())?;
    let deleted = must("delete of nothing", resource.delete(cx, target, &Attributes::new()).await)?;
    holds("delete of nothing is gone", deleted == Deleted::Gone)
}

/// One token, one thing; and what was made is what was asked for.
async fn creating_twice_makes_one(case: Case<'_>) -> Result<Attributes, Violation> {
    let Case { cx, resource, target, desired, .. } = case;
    let made = must("create", resource.create(cx, target, desired).await)?;
    let again = must("create again", resource.create(cx, target, desired).await)?;
    holds("creating twice gives the same outputs", made == again)?;
    holds("a fresh one compares as wanted", resource.compare(desired, &made) == Change::None)?;
    let listed = must("list", resource.list(cx).await)?;
    holds("exactly one is listed, under its address", {
        let addresses: Vec<_> = listed.iter().map(|found| &found.address).collect();
        addresses == [&target.address]
    })?;
    Ok(made)
}

/// Without anything from the state, the name and the owner are enough.
async fn a_lost_reply_is_found_again(case: Case<'_>, made: &Attributes) -> Result<(), Violation> {
    let Case { cx, resource, target, desired, .. } = case;
    let found = must("read", resource.read(cx, target, None).await)?;
    let found = found.ok_or(Violation::Broken("what was made is found without the state"))?;
    holds("what is found compares as wanted", resource.compare(desired, &found) == Change::None)?;
    holds(
        "what is found has the outputs that were given",
        made.iter().all(|(name, value)| found.get(name) == Some(value)),
    )
}

/// A difference is seen as an update, and after the update there is none.
async fn a_change_is_seen_and_made(case: Case<'_>, made: &Attributes, changed: &Attributes) -> Result<(), Violation> {
    let Case { cx, resource, target, .. } = case;
    holds("a change in place is seen as one", matches!(resource.compare(changed, made), Change::Update(_)))?;
    let updated = must("update", resource.update(cx, target, made, changed).await)?;
    holds("after the update nothing differs", resource.compare(changed, &updated) == Change::None)?;
    let read = must("read", resource.read(cx, target, Some(&updated)).await)?;
    holds("the update is there to read", read.is_some_and(|read| resource.compare(changed, &read) == Change::None))
}

/// After a delete there is nothing, and deleting again succeeds.
async fn deleting_leaves_nothing(case: Case<'_>) -> Result<(), Violation> {
    let Case { cx, resource, target, .. } = case;
    let read = must("read", resource.read(cx, target, None).await)?.unwrap_or_default();
    must("delete", resource.delete(cx, target, &read).await)?;
    nothing_is_there(case).await
}

use crate::apply::{Applier, Journal, Resumed};
use crate::plan::refresh::{Reader, Reading};
use crate::plan::sensitive;
use crate::state::{Event, InDoubt, Recorded, State, StateKey};
use acquire_model::{Action, Address, Attributes, Diagnostic};
use std::time::Duration;

/// Finds out what became of every step in doubt, and writes it down.
pub(super) async fn resume(applier: &Applier<'_>, journal: &mut dyn Journal) -> Result<Resumed, Vec<Diagnostic>> {
    let (state, key) = (journal.state(), journal.key());
    if state.in_doubt.is_empty() {
        return Ok(Resumed::default());
    }
    applier.cx.clock.sleep(until_settled(applier, journal)).await;
    let may_be_late = settled_at(applier, journal).is_some_and(|at| applier.cx.clock.monotonic() < at);
    let reader =
        Reader { cx: applier.cx, providers: applier.providers, policy: &applier.settings.policy, key: Some(key) };
    let readings = state.in_doubt.iter().map(|(address, doubt)| Reading::of_doubt(address, doubt, state));
    let observed = reader.read_all(readings.collect()).await?;
    let mut resumed = Resumed::default();
    let mut events = Vec::new();
    for (address, attributes) in observed {
        let Some(doubt) = state.in_doubt.get(&address) else { continue };
        let create_may_be_late = may_be_late && doubt.intent.action == Action::Create && attributes.is_none();
        if !create_may_be_late {
            events.extend(settled(state, &address, doubt, attributes.as_ref()));
        }
        match attributes {
            Some(_) => resumed.made.push(address),
            None => resumed.not_made.push(address),
        }
    }
    journal.append(&events).await.map_err(|failure| vec![failure])?;
    Ok(resumed)
}

/// How long it takes until no update or delete of a run that lost its lock can have its effect any more. What is created is
/// created again with the same token, so it is waited for only before it is deleted.
pub(super) fn until_settled(applier: &Applier<'_>, journal: &dyn Journal) -> Duration {
    let may_be_late = |doubt: &InDoubt| matches!(doubt.intent.action, Action::Update | Action::Delete);
    let settled_at = settled_at(applier, journal).filter(|_| journal.state().in_doubt.values().any(may_be_late));
    settled_at.unwrap_or_default().saturating_sub(applier.cx.clock.monotonic())
}

/// When, by the monotonic clock, no call of a run that lost its lock can have its effect any more.
pub(super) fn settled_at(applier: &Applier<'_>, journal: &dyn Journal) -> Option<Duration> {
    journal.inherited().map(|inherited| inherited.saturating_add(applier.settings.policy.call_timeout))
}

/// What to write down of a step in doubt, now that its thing was looked at. A create whose thing is there stays in
/// doubt: it may be half made, and is created again with the same token.
fn settled(state: &State, address: &Address, doubt: &InDoubt, seen: Option<&Attributes>) -> Option<Event> {
    match (seen, doubt.intent.action, state.resources.get(address)) {
        (None, _, _) => Some(Event::Gone { address: address.clone() }),
        (Some(_), Action::Create, _) | (Some(_), _, None) => None,
        (Some(seen), _, Some(recorded)) => {
            let recorded = Recorded { attributes: seen.clone(), ..recorded.clone() };
            Some(Event::Observed { address: address.clone(), recorded })
        }
    }
}

/// A recorded resource as it was seen now; what is recorded as a fingerprint stays one.
pub(super) fn seen(recorded: &Recorded, mut attributes: Attributes, key: &StateKey) -> Recorded {
    let masked = recorded.attributes.iter().filter(|(_, value)| sensitive::is_fingerprint(value)).map(|(name, _)| name);
    sensitive::mask(&mut attributes, masked, key);
    Recorded { attributes, ..recorded.clone() }
}

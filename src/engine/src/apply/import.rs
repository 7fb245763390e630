use crate::apply::{Applier, Journal, codes};
use crate::graph::Node;
use crate::plan::{call::Failure, provider, resource, sensitive, token_of};
use crate::state::{Event, Intent, Purpose};
use acquire_model::{Action, Attributes, Diagnostic};
use acquire_provider::Target;

/// Takes a thing that is there into the state. With an id, one that somebody else made; without, one that carries our
/// mark and that the state does not know.
pub(super) async fn import(
    applier: &Applier<'_>,
    node: &Node,
    id: Option<&str>,
    journal: &mut dyn Journal,
) -> Result<Attributes, Vec<Diagnostic>> {
    let (state, address) = (journal.state(), &node.address);
    let one = |diagnostic: Diagnostic| vec![diagnostic.address(address)];
    if state.resources.contains_key(address) || state.in_doubt.contains_key(address) {
        let mistake = Diagnostic::error(codes::ALREADY_THERE, format!("`{address}` is in the state already"));
        return Err(one(mistake.hint("`acquire state rm` takes it out, and leaves the thing itself alone")));
    }
    let provider = provider(applier.providers, &node.provider, address).map_err(one)?;
    let resource = resource(provider.as_ref(), address).map_err(one)?;
    let generation = state.generations.get(address).copied().unwrap_or_default();
    let target = Target { address: address.clone(), token: token_of(&state.lineage, address, generation) };
    let started = Event::Started { address: address.clone(), intent: intent(node, id, &target.token) };
    let begun = applier.begun(1, applier.settings.spec_digest.clone(), Purpose::Import);
    journal.append(&[begun, started]).await.map_err(one)?;
    let policy = &applier.settings.policy;
    let answer = match id {
        Some(id) => policy.call(applier.cx, || resource.adopt(applier.cx, &target, id), |_| ()).await,
        None => policy.call(applier.cx, || resource.read(applier.cx, &target, None), |_| ()).await,
    };
    let (event, result) = match answer {
        Ok(Some(mut attributes)) => {
            sensitive::mask(&mut attributes, &node.sensitive, journal.key());
            (Some(Event::Done { address: address.clone(), attributes: attributes.clone() }), Ok(attributes))
        }
        Ok(None) => {
            let what = id.map_or_else(|| format!("{} with our mark", address.kind()), |id| format!("`{id}`"));
            let missing = Diagnostic::error(codes::NOT_THERE, format!("there is no {what} to import as `{address}`"));
            failed(node, missing.hint("look it up with its provider's own tools"))
        }
        Err(failure) => refused(node, &failure),
    };
    let events: Vec<Event> = event.into_iter().chain([Event::Ended]).collect();
    journal.append(&events).await.map_err(one)?;
    result.map_err(one)
}

type Settled = (Option<Event>, Result<Attributes, Diagnostic>);

fn failed(node: &Node, diagnostic: Diagnostic) -> Settled {
    let event = Event::Failed { address: node.address.clone(), reason: diagnostic.summary.clone() };
    (Some(event), Err(diagnostic))
}

/// What was taken over although the answer was lost stays in doubt: the next run looks.
fn refused(node: &Node, Failure { error, doubtful, .. }: &Failure) -> Settled {
    let diagnostic = Diagnostic::error(codes::REFUSED, format!("cannot import `{}`: {error}", node.address));
    if *doubtful {
        return (None, Err(diagnostic.hint("the next apply finds out whether it was taken over")));
    }
    failed(node, diagnostic.hint("give the id as its provider knows it"))
}

fn intent(node: &Node, id: Option<&str>, token: &str) -> Intent {
    Intent {
        reason: id.map_or_else(|| "imported by its mark".to_owned(), |id| format!("imported `{id}`")),
        origin: node.origin.clone(),
        action: Action::Create,
        provider: node.provider.clone(),
        needs: node.needs.clone(),
        service: node.service,
        holds_data: node.holds_data,
        lifecycle: node.lifecycle.clone(),
        token: token.to_owned(),
        made_as: None,
    }
}

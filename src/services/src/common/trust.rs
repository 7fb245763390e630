use crate::frame::{Arguments, Cx, Fault, Grant, Outcome};
use crate::{registry, trusted};
use acquire_crypto::PublicKey;
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{ServiceType, ServiceUid};
use serde_json::json;
use std::sync::Arc;

/// The service that the call names, as the registry knows it, and its uid.
async fn named(cx: &Arc<Cx>, arguments: &Arguments) -> Result<(ServiceUid, Arc<ServiceRecord>), Fault> {
    let record = cx.trusted.find(cx, arguments.text("service_url")?).await?;
    match &record.uid {
        Some(uid) => Ok((uid.clone(), record)),
        None => Err(Fault::new(Class::MissingServiceError, "that service is still being set up")),
    }
}

/// Says whom this service trusts: what a plan compares with the spec.
pub(super) async fn trusted(cx: &Arc<Cx>) -> Outcome {
    Ok(json!({ "trusted": trusted::all(cx).await? }))
}

/// The resource text of trusting a service: it names the uid, which the registry vouches for.
pub(super) async fn resource(cx: &Arc<Cx>, arguments: &Arguments) -> Result<String, Fault> {
    let (uid, _) = named(cx, arguments).await?;
    Ok(format!("trust_service {uid}"))
}

/// Trusts a service. An identity service also tells the registry that it is a peer, so that clients who look for the
/// sibling of the identity service find it wherever it is.
pub(super) async fn trust(cx: &Arc<Cx>, grant: &Grant, arguments: &Arguments) -> Outcome {
    let (uid, record) = named(cx, arguments).await?;
    if let Some(given) = arguments.value("public_certificate") {
        let given = PublicKey::from_data(given)?;
        if given != record.public_certificate && given != record.last_certificate {
            return Err(Fault::permission("the registry knows that service by another certificate"));
        }
    }
    trusted::trust(cx, &uid, (&record, grant.caller()?.signed)).await?;
    introduce(cx, &uid, true).await?;
    echo(arguments)
}

/// The service that is to be untrusted: by uid if the call names that, since the registry may not know it any more.
async fn unwanted(cx: &Arc<Cx>, arguments: &Arguments) -> Result<ServiceUid, Fault> {
    match arguments.optional_text("service_uid")? {
        Some(uid) => uid.parse().map_err(|error| Fault::new(Class::ValueError, format!("{error}"))),
        None => Ok(named(cx, arguments).await?.0),
    }
}

/// The resource text of trusting a service no longer.
pub(super) async fn untrust_resource(cx: &Arc<Cx>, arguments: &Arguments) -> Result<String, Fault> {
    Ok(format!("untrust_service {}", unwanted(cx, arguments).await?))
}

/// Trusts a service no longer.
pub(super) async fn untrust(cx: &Arc<Cx>, grant: &Grant, arguments: &Arguments) -> Outcome {
    let uid = unwanted(cx, arguments).await?;
    trusted::untrust(cx, &uid, grant.caller()?.signed).await?;
    match introduce(cx, &uid, false).await {
        // A peer that the registry never knew has no introduction to take back.
        Err(fault) if fault.class() != Class::MissingServiceError => Err(fault),
        _ => echo(arguments),
    }
}

async fn introduce(cx: &Arc<Cx>, peer: &ServiceUid, is_peer: bool) -> Result<(), Fault> {
    if cx.service == ServiceType::Identity {
        let introduction = registry::introduction(cx, peer, is_peer)?;
        trusted::call(cx, &cx.registry, Some("introduce"), &introduction).await?;
    }
    Ok(())
}

/// As the original answers.
fn echo(arguments: &Arguments) -> Outcome {
    Ok(json!({ "args": arguments.all() }))
}

/// The resource text of trusting an accounting service. That it is one is checked first, as the original does.
pub(super) async fn accounting_resource(cx: &Arc<Cx>, arguments: &Arguments) -> Result<String, Fault> {
    let (uid, record) = named(cx, arguments).await?;
    if record.service_type != ServiceType::Accounting {
        return Err(Fault::new(Class::ServiceAccountError, format!("the service '{uid}' does no accounting")));
    }
    Ok(format!("trust_accounting_service {uid}"))
}

/// Trusts an accounting service and opens the account of this service's principal there.
pub(super) async fn trust_accounting(cx: &Arc<Cx>, grant: &Grant, arguments: &Arguments) -> Outcome {
    let (uid, record) = named(cx, arguments).await?;
    trusted::trust(cx, &uid, (&record, grant.caller()?.signed)).await?;
    let account = json!({ "account_name": "main", "description": "account of the service itself" });
    match trusted::call(cx, &record, Some("create_account"), &account).await {
        Ok(_) => echo(arguments),
        Err(_) => Err(Fault::new(
            Class::ServiceAccountError,
            format!("the service '{uid}' is trusted, but it does not offer accounts yet"),
        )),
    }
}

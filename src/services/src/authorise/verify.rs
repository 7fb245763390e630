use super::info::Info;
use super::{Caller, Right};
use crate::frame::{Cx, Fault};
use acquire_envelope::authorisation::{Authorisation, LEEWAY_SECONDS, STALE_SECONDS};
use acquire_model::Timestamp;
use acquire_model::uid::Uid;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What an authorisation must be good for.
pub(crate) struct Demand<'a> {
    /// The resource that it must have been signed for.
    pub resource: &'a str,
    /// What is about to be done; none for what any session may do, however limited: end.
    pub right: Option<Right>,
    /// The session that is about to end: that it has ended already does not matter, so that ending is idempotent.
    pub ends: Option<&'a Uid>,
}

/// Verifies an authorisation, without burning it (protocol 02 §2.4, in that order).
///
/// # Errors
/// `PermissionError`; whatever the service that holds the session says.
pub(crate) async fn verify(cx: &Arc<Cx>, value: Option<&Value>, demand: &Demand<'_>) -> Result<Caller, Fault> {
    let authorisation = read(value, cx.now())?;
    let info = ask_holder(cx, &authorisation).await?;
    check(&authorisation, &info, demand)?;
    if demand.right.is_some_and(|right| !info.allows(cx.service, right)) {
        return Err(Fault::permission("the session is limited to other things than this"));
    }
    let signed = authorisation.signed_at();
    let Authorisation { user_uid, session_uid, identity_uid, uid, .. } = authorisation;
    Ok(Caller {
        operation: format!("{identity_uid}/{session_uid}/{uid}"),
        user: user_uid,
        session: session_uid,
        identity: identity_uid,
        signed,
    })
}

/// Reads an authorisation and checks its age: all that can be told without asking anybody.
pub(super) fn read(value: Option<&Value>, now: Timestamp) -> Result<Authorisation, Fault> {
    let authorisation = Authorisation::from_json(value.unwrap_or(&Value::Null))?;
    let authorisation = authorisation.ok_or_else(|| Fault::permission("an authorisation is missing"))?;
    authorisation.check_age(now, STALE_SECONDS, LEEWAY_SECONDS)?;
    Ok(authorisation)
}

/// Asks the service that holds the session. It is found by its uid, which is signed; the URL must agree.
async fn ask_holder(cx: &Arc<Cx>, authorisation: &Authorisation) -> Result<Info, Fault> {
    let Authorisation { session_uid: session, identity_uid: holder, identity_url: url, .. } = authorisation;
    let stranger = || Fault::permission("the service that holds the session is not trusted here");
    if *holder == cx.uid()? {
        // Asking ourselves takes no call, so that a service cannot wait for itself.
        return if *url == cx.canonical_url {
            Info::from_json(&cx.users.info(session).await?)
        } else {
            Err(stranger())
        };
    }
    let record = cx.trusted.trusted(cx, holder).await.map_err(|_| stranger())?;
    if *url != record.canonical_url() {
        return Err(stranger());
    }
    let now = cx.clock.monotonic();
    if let Some(info) = cx.users.seen.get(holder, session, now) {
        return Ok(info);
    }
    let answer = crate::trusted::call(cx, &record, Some("get_session_info"), &json!({"session_uid": session})).await?;
    let info = Info::from_json(answer.as_object().unwrap_or(&Map::new()))?;
    cx.users.seen.set(holder, session, (now, info.clone()));
    Ok(info)
}

/// Compares an authorisation with what is said of its session.
fn check(authorisation: &Authorisation, info: &Info, demand: &Demand<'_>) -> Result<(), Fault> {
    let signed = authorisation.signed_at();
    if authorisation.user_uid != info.user {
        return Err(Fault::permission("the session is not that user's"));
    }
    let ends = demand.ends == Some(&authorisation.session_uid);
    if !ends && info.logged_out.is_some_and(|ended| ended < signed) {
        return Err(Fault::permission("it was signed after the session ended"));
    }
    // The signer chooses the date: whoever keeps the key of an ended session could sign for the time before its end.
    if !ends && info.logged_out.is_some() && demand.right == Some(Right::Write) {
        return Err(Fault::permission("the session that signed it has ended"));
    }
    if info.approved.is_some_and(|approved| signed < approved.plus_seconds(-LEEWAY_SECONDS)) {
        return Err(Fault::permission("it was signed before the session was approved"));
    }
    Ok(authorisation.verify(&info.certificate, Some(demand.resource))?)
}

//! Who may do what: authorisations are verified here, burnt here, and turned into the `Grant` that every handler needs.
//!
//! Invariants:
//!
//! * Only this module makes a `Grant` or a `Caller`.
//! * An authorisation is verified in full before it is burnt, so a stranger who saw one cannot burn it.
//! * A function that changes something runs for one set of arguments under one authorisation. Sent again, it answers the
//!   same; with anything else, it is refused.

/// Single use.
mod claim;
/// What the holder of a session says of it.
mod info;
/// Sessions of other services, seen lately.
mod seen;
/// The steps of verification.
mod verify;

use crate::frame::{Arguments, Cx, Fault, Function, Outcome, Proof, Resource};
use acquire_envelope::exception::Class;
use acquire_model::uid::{ServiceUid, Uid};
use std::sync::Arc;

pub(crate) use claim::{once, sweep};
pub(crate) use seen::Seen;
pub(crate) use verify::{Demand, verify};

/// Leave to run a handler.
pub(crate) struct Grant {
    caller: Option<Caller>,
}

/// Who signed an authorisation that was verified.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The user.
    pub user: Uid,
    /// The session that signed.
    pub session: Uid,
    /// The service that holds both.
    pub identity: ServiceUid,
    /// The operation id, under which the effect must be idempotent. It names the authorisation and who signed it, since
    /// two signers may choose the same uid.
    pub operation: String,
}

/// What a caller is about to do; a session may be limited to some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Look.
    Read,
    /// Change something.
    Write,
}

impl Grant {
    /// Who asks.
    ///
    /// # Errors
    /// `PermissionError` if the function's proof is not an authorisation.
    pub fn caller(&self) -> Result<&Caller, Fault> {
        self.caller.as_ref().ok_or_else(|| Fault::permission("this needs an authorisation"))
    }
}

/// Runs a function: checks its proof, burns the authorisation of one that changes something, runs it, keeps the answer.
pub(crate) async fn run(cx: &Arc<Cx>, function: &'static Function, arguments: Arguments) -> Outcome {
    let caller = match &function.proof {
        Proof::None | Proof::Inside => None,
        Proof::User(resource) => Some(signer(cx, function, &arguments, *resource).await?),
        Proof::Admin(resource) => {
            let caller = signer(cx, function, &arguments, *resource).await?;
            if caller.identity != cx.uid()? || !cx.is_admin(&caller.user) {
                return Err(Fault::new(Class::AuthorisationError, "only an admin of this service may do this"));
            }
            Some(caller)
        }
    };
    let effect = |caller| (function.run)(Arc::clone(cx), Grant { caller }, arguments.clone());
    match caller {
        Some(caller) if function.mutates => {
            once(cx, &caller, (function.name, &arguments), effect(Some(caller.clone()))).await
        }
        caller => effect(caller).await,
    }
}

async fn signer(cx: &Arc<Cx>, function: &Function, arguments: &Arguments, resource: Resource) -> Result<Caller, Fault> {
    let authorisation = arguments.value("authorisation");
    // Nothing is looked up for somebody who shows nothing.
    verify::read(authorisation, cx.now())?;
    let resource = resource(Arc::clone(cx), arguments.clone()).await?;
    let right = Some(if function.mutates { Right::Write } else { Right::Read });
    verify(cx, authorisation, &Demand { resource: &resource, right, ends: None }).await
}

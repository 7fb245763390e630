//! Who may do what: authorisations are verified here, burnt here, and turned into the `Grant` that every handler needs.
//!
//! Invariants:
//!
//! * Only this module makes a `Grant` or a `Caller`.
//! * An authorisation is verified in full before it is burnt, so a stranger who saw one cannot burn it.
//! * A function that changes something runs for one set of arguments under one authorisation. Sent again, it answers the
//!   same; with anything else, it is refused.
//! * What was begun is finished, whether or not the caller still listens.

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
use acquire_model::Timestamp;
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
    /// When it was signed, as the signer says.
    pub signed: Timestamp,
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

/// Whether a word that was signed then is to be kept, given when the one in force was signed and whether both say the
/// same. A word that comes late, or is sent again after a later one, does not undo that.
///
/// # Errors
/// `PermissionError` if the one in force is later and says otherwise.
pub(crate) fn is_newer(signed: Timestamp, in_force: Option<Timestamp>, same: bool) -> Result<bool, Fault> {
    match in_force {
        Some(later) if signed < later && !same => {
            Err(Fault::permission("somebody signed otherwise later than this was signed; look again, and sign again"))
        }
        Some(in_force) => Ok(signed > in_force || !same),
        None => Ok(true),
    }
}

/// Runs a function: checks its proof, burns the authorisation of one that changes something, runs it, keeps the answer.
///
/// What changes something goes on to its end, and its answer is kept, also if the caller hangs up in between.
pub(crate) async fn run(cx: &Arc<Cx>, function: &'static Function, arguments: Arguments) -> Outcome {
    let caller = match &function.proof {
        Proof::None | Proof::Inside | Proof::Repeatable => None,
        Proof::User(resource) => Some(signer(cx, function, &arguments, *resource).await?),
        Proof::Admin(resource) => {
            let caller = signer(cx, function, &arguments, *resource).await?;
            if caller.identity != cx.uid()? || !cx.is_admin(&caller.user).await? {
                return Err(Fault::new(Class::AuthorisationError, "only an admin of this service may do this"));
            }
            Some(caller)
        }
    };
    let effect = (function.run)(Arc::clone(cx), Grant { caller: caller.clone() }, arguments.clone());
    if !function.mutates {
        return effect.await;
    }
    let cx = Arc::clone(cx);
    let whole = async move {
        match caller {
            Some(caller) => once(&cx, &caller, (function.name, &arguments), effect).await,
            None => effect.await,
        }
    };
    let broken = |_| Fault::new(Class::SystemError, "this is a fault in Acquire: the function broke off");
    tokio::spawn(whole).await.map_err(broken)?
}

async fn signer(cx: &Arc<Cx>, function: &Function, arguments: &Arguments, resource: Resource) -> Result<Caller, Fault> {
    let authorisation = arguments.value("authorisation");
    // Nothing is looked up for somebody who shows nothing.
    verify::read(authorisation, cx.now())?;
    let resource = resource(Arc::clone(cx), arguments.clone()).await?;
    let right = Some(if function.mutates { Right::Write } else { Right::Read });
    verify(cx, authorisation, &Demand { resource: &resource, right, ends: None }).await
}

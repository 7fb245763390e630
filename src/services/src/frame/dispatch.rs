use super::replay::SKEW_SECONDS_MAX;
use super::{Arguments, Cx, Fault, Function, Outcome, Proof, function};
use crate::keys;
use acquire_envelope::request::{Refusal, Request};
use acquire_envelope::{Class, Exception, Limits, reply, request};
use acquire_model::Timestamp;
use acquire_model::time::SECOND;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Deepest nesting of arrays and objects in a call.
const DEPTH_MAX: usize = 64;

/// How a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// In clear.
    Plain,
    /// Encrypted to a key of this service, or from a service in this process.
    Private,
}

/// Answers the bytes of a call with the bytes of a reply. Never fails: what goes wrong is in the reply.
pub(crate) async fn answer(cx: &Arc<Cx>, body: &[u8], remote: Option<IpAddr>) -> Vec<u8> {
    keys::tend(cx).await;
    let started = cx.clock.monotonic();
    match open(cx, body).await {
        Ok(mut request) => {
            let reply = std::mem::take(&mut request.reply);
            let outcome = opened(cx, request, remote, started).await.map_err(Exception::from);
            reply::seal(&outcome, &reply, &*cx.keys.ring(), cx.now())
        }
        Err(refusal) => {
            cx.metrics.count(UNOPENED, refusal.exception.class.name(), elapsed(cx, started));
            reply::seal(&Err(refusal.exception), &refusal.reply, &*cx.keys.ring(), cx.now())
        }
    }
}

/// Refuses, in plain, a body that could not even be read.
pub(crate) fn refuse(cx: &Cx, problem: String) -> Vec<u8> {
    cx.metrics.count(UNOPENED, Class::UnpackingError.name(), Duration::ZERO);
    let exception = Exception::new(Class::UnpackingError, problem);
    reply::seal(&Err(exception), &reply::Reply::default(), &*cx.keys.ring(), cx.now())
}

/// Answers a call from a service in this process: the same checks, no envelope. An empty name is root.
pub(crate) async fn invoke(cx: &Arc<Cx>, name: &str, arguments: Arguments) -> Outcome {
    keys::tend(cx).await;
    let started = cx.clock.monotonic();
    let name = Some(name).filter(|name| !name.is_empty());
    let outcome = counted(cx, name, started, |function| admit(function, Channel::Private), arguments).await?;
    // As the envelope would pass it on (protocol 01 §3.3).
    Ok(match outcome {
        Value::Null | Value::Object(_) => outcome,
        other => json!({ "result": other }),
    })
}

/// The label of calls that were refused before their function was known.
const UNOPENED: &str = "-";

fn elapsed(cx: &Cx, started: Duration) -> Duration {
    cx.clock.monotonic().saturating_sub(started)
}

async fn open(cx: &Arc<Cx>, body: &[u8]) -> Result<Request, Box<Refusal>> {
    let limits = Limits { bytes_max: cx.body_bytes_max, depth_max: DEPTH_MAX };
    let first = request::open(body, &*cx.keys.ring(), &limits);
    match first {
        // Another process of this service may have changed the keys.
        Err(refusal)
            if refusal.exception.class == Class::ServiceAccountMissingKeyError && keys::look_again(cx).await =>
        {
            request::open(body, &*cx.keys.ring(), &limits)
        }
        other => other,
    }
}

async fn opened(cx: &Arc<Cx>, request: Request, remote: Option<IpAddr>, started: Duration) -> Outcome {
    let Request { function, payload, encrypted, synctime, digest, .. } = request;
    let channel = if encrypted { Channel::Private } else { Channel::Plain };
    let arguments = Arguments::new(payload).from(remote).came_in(digest);
    let is_authorised = arguments.value("authorisation").is_some();
    let check = |function: &Function| {
        admit(function, channel)?;
        if channel == Channel::Plain {
            return Ok(());
        }
        is_dated_well(cx, synctime)?;
        // Some calls, when they are sent again, get the same answer again: by a handler that sees to it, or, since their
        // authorisation is burnt, by `authorise`.
        let is_repeatable = match function.proof {
            Proof::Repeatable => true,
            Proof::None => false,
            Proof::Inside | Proof::User(_) | Proof::Admin(_) => is_authorised && function.mutates,
        };
        if is_repeatable { Ok(()) } else { is_first(cx, &digest) }
    };
    counted(cx, function.as_deref(), started, check, arguments).await
}

/// Routes, checks, authorises and runs; counts what came of it.
async fn counted(
    cx: &Arc<Cx>,
    name: Option<&str>,
    started: Duration,
    check: impl FnOnce(&Function) -> Result<(), Fault>,
    arguments: Arguments,
) -> Outcome {
    let (label, outcome) = match function::route(cx.service, name) {
        Err(fault) => (UNOPENED, Err(fault)),
        Ok(function) => match check(function) {
            Err(fault) => (function.name, Err(fault)),
            Ok(()) => (function.name, crate::authorise::run(cx, function, arguments).await),
        },
    };
    let result = outcome.as_ref().map_or_else(|fault| fault.class().name(), |_| "ok");
    cx.metrics.count(label, result, elapsed(cx, started));
    outcome
}

/// Refuses what must be encrypted and is not (protocol 01 §8 row 13).
fn admit(function: &Function, channel: Channel) -> Result<(), Fault> {
    if channel == Channel::Plain && !function.plain {
        let name = function.name;
        return Err(Fault::permission(format!("calls of '{name}' must be encrypted to the key of this service")));
    }
    Ok(())
}

/// Refuses a call that is dated too far from now (protocol 01 §8 row 6). Not every client dates its calls.
fn is_dated_well(cx: &Cx, made: Option<Timestamp>) -> Result<(), Fault> {
    match made {
        Some(made) if cx.now().since(made).abs() > SKEW_SECONDS_MAX * SECOND => {
            Err(Fault::permission("the call is dated more than 10 minutes from the time here; check the clock"))
        }
        _ => Ok(()),
    }
}

/// Refuses a call that was seen already (protocol 01 §8 row 6).
fn is_first(cx: &Cx, digest: &[u8; 32]) -> Result<(), Fault> {
    if cx.replay.is_first(cx.clock.monotonic(), digest) {
        Ok(())
    } else {
        Err(Fault::permission("this very call was answered before"))
    }
}

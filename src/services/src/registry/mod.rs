//! The registry: finds a service and its public keys by uid or URL, and is the root of trust of a deployment.
//!
//! Invariants: a uid is given once; a canonical URL stands for one service, and another one gets it only after an admin
//! took the first out; what the registry says of a service was proved by that service, with a certificate that it was
//! registered with; a look-up answers even when the service is down.

/// Challenges to registered services.
mod challenge;
/// Introductions of services to an identity service.
mod introduce;
/// Look-ups.
mod look_up;
/// What is kept in memory: budgets, and what happened lately.
mod memory;
/// What is stored.
mod record;
/// Registrations.
mod register;
/// How uids are counted.
mod uid;

#[cfg(test)]
mod tests;

use crate::frame::{Arguments, Fault, Function, Proof};
use acquire_envelope::Class;
use acquire_model::ServiceUid;
use futures::FutureExt;

pub(crate) use introduce::introduction;
pub(crate) use memory::Lookups;
pub(crate) use register::claim_text;

/// Its own functions. `refresh_service`, `introduce` and `unregister_service` are ours; stock clients never call them.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "get_service",
        plain: false,
        mutates: false,
        proof: Proof::None,
        run: |cx, _, arguments| async move { look_up::get_service(&cx, &arguments).await }.boxed(),
    },
    Function {
        name: "register_service",
        plain: false,
        mutates: true,
        proof: Proof::Inside,
        run: |cx, _, arguments| async move { register::register(&cx, &arguments).await }.boxed(),
    },
    Function {
        name: "refresh_service",
        plain: false,
        mutates: true,
        proof: Proof::Inside,
        run: |cx, _, arguments| async move { register::refresh(&cx, &arguments).await }.boxed(),
    },
    Function {
        name: "introduce",
        plain: false,
        mutates: true,
        proof: Proof::Inside,
        run: |cx, _, arguments| async move { introduce::run(&cx, &arguments).await }.boxed(),
    },
    Function {
        name: "unregister_service",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|_, arguments| {
            async move { Ok(format!("unregister_service {}", service_uid(&arguments)?)) }.boxed()
        }),
        run: |cx, _, arguments| async move { register::unregister(&cx, &service_uid(&arguments)?).await }.boxed(),
    },
];

fn service_uid(arguments: &Arguments) -> Result<ServiceUid, Fault> {
    parse_uid(arguments.text("service_uid")?)
}

fn parse_uid(text: &str) -> Result<ServiceUid, Fault> {
    text.parse().map_err(|error| Fault::new(Class::ValueError, format!("{error}")))
}

/// Says, as the original does, that there is no such service.
fn missing(url: Option<&str>, uid: Option<&str>) -> Fault {
    let shown = |text: Option<&str>| text.map_or_else(|| "None".to_owned(), |text| text.chars().take(200).collect());
    let text = format!("No service available: service_url={}  service_uid={}", shown(url), shown(uid));
    Fault::new(Class::MissingServiceError, text)
}

//! The functions that every service has (protocol 01 §3.6): who it is, its set-up, its keys, whom it trusts.

/// What only an admin may do to the service itself.
mod admin;
/// Who the service is.
mod root;
/// Set-up, once.
mod setup;
/// Whom the service trusts.
mod trust;

#[cfg(test)]
mod tests;

use crate::frame::{Cx, Fault, Function, Proof};
use futures::FutureExt;
use serde_json::json;
use std::sync::Arc;

/// What a call without a name reaches.
pub(crate) const ROOT: Function = Function {
    name: "root",
    plain: true,
    mutates: false,
    proof: Proof::None,
    run: |cx, _, arguments| async move { root::root(&cx, &arguments) }.boxed(),
};

/// The common functions. `verify`, `trusted_services` and `untrust_service` are ours; stock clients never call them.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "warm",
        plain: true,
        mutates: false,
        proof: Proof::None,
        // What later calls need, the record and the keys, was read on the way here.
        run: |_, _, _| async { Ok(json!({})) }.boxed(),
    },
    Function {
        name: "test",
        plain: true,
        mutates: false,
        proof: Proof::None,
        run: |cx, _, _| async move { Ok(json!({ "service": cx.keys.ring().signed_record()? })) }.boxed(),
    },
    Function {
        name: "verify",
        plain: false,
        mutates: false,
        proof: Proof::None,
        run: |cx, _, arguments| async move { root::verify(&cx, &arguments) }.boxed(),
    },
    Function {
        name: "setup",
        plain: false,
        mutates: true,
        proof: Proof::Inside,
        run: |cx, _, arguments| async move { setup::run(&cx, &arguments).await }.boxed(),
    },
    Function {
        name: "refresh_keys",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|cx, _| async move { on_itself("refresh_keys", &cx) }.boxed()),
        run: |cx, grant, _| async move { admin::refresh_keys(&cx, &grant).await }.boxed(),
    },
    Function {
        name: "dump_keys",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|cx, _| async move { on_itself("dump_keys", &cx) }.boxed()),
        run: |cx, _, _| async move { admin::dump_keys(&cx).await }.boxed(),
    },
    Function {
        name: "reset",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|cx, _| async move { on_itself("reset", &cx) }.boxed()),
        run: |_, _, _| async { admin::reset() }.boxed(),
    },
    Function {
        name: "trusted_services",
        plain: false,
        mutates: false,
        proof: Proof::None,
        run: |cx, _, _| async move { trust::trusted(&cx).await }.boxed(),
    },
    Function {
        name: "trust_service",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|cx, a| async move { trust::resource(&cx, &a).await }.boxed()),
        run: |cx, grant, arguments| async move { trust::trust(&cx, &grant, &arguments).await }.boxed(),
    },
    Function {
        name: "untrust_service",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|cx, a| async move { trust::untrust_resource(&cx, &a).await }.boxed()),
        run: |cx, grant, arguments| async move { trust::untrust(&cx, &grant, &arguments).await }.boxed(),
    },
    Function {
        name: "trust_accounting_service",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|cx, a| async move { trust::accounting_resource(&cx, &a).await }.boxed()),
        run: |cx, grant, arguments| async move { trust::trust_accounting(&cx, &grant, &arguments).await }.boxed(),
    },
];

/// The resource text of what an admin does to this very service.
fn on_itself(function: &str, cx: &Arc<Cx>) -> Result<String, Fault> {
    Ok(format!("{function} {}", cx.uid()?))
}

//! One file per kind. Each keeps a record file; what it makes beside that is said in its own file.

pub(crate) mod bucket;
pub(crate) mod function;
pub(crate) mod key;
pub(crate) mod marker;
pub(crate) mod schedule;
pub(crate) mod secret;

use crate::client::files;
use crate::client::host_key::HostKey;
use crate::client::process::Home;
use crate::client::record::Records;
use acquire_model::spec::Setting;
use acquire_model::{Address, Attributes, Kind};
use acquire_provider::{Context, Declaration, Deleted, Error, Found};
use serde_json::Value;

/// Makes a declaration of a kind.
fn declare(kind: &str, inputs: &[Setting], fixed: &[&'static str], holds_data: bool) -> Result<Declaration, Error> {
    let kind: Kind = kind.parse().map_err(|_| Error::Bug(format!("`{kind}` is a kind")))?;
    Ok(Declaration { kind, inputs: inputs.to_vec(), fixed: fixed.to_vec(), holds_data, listed: false })
}

/// Lists the records of a kind.
fn found(cx: &Context, kind: &Kind, describe: impl Fn(&Attributes) -> String) -> Result<Vec<Found>, Error> {
    let records = Records::of(cx).all()?.into_iter().filter(|record| record.address.kind() == kind);
    let found = records.map(|record| Found {
        description: describe(&record.attributes),
        address: record.address,
        attributes: None,
    });
    Ok(found.collect())
}

/// Reads the inputs and outputs of a resource that is nothing but its record.
fn read(cx: &Context, address: &Address) -> Result<Option<Attributes>, Error> {
    Ok(Records::of(cx).read(address)?.map(|record| record.attributes))
}

/// Inputs with outputs added.
fn with(inputs: &Attributes, outputs: impl IntoIterator<Item = (&'static str, Value)>) -> Attributes {
    let mut all = inputs.clone();
    all.extend(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)));
    all
}

/// Removes the record of a resource; with the last one everything else goes that a deployment has on this machine.
fn forget(cx: &Context, address: &Address) -> Result<Deleted, Error> {
    let records = Records::of(cx);
    records.remove(address)?;
    if records.is_empty()? && Home::new(&cx.deployment.data).running()?.is_none() {
        files::remove_tree(&cx.deployment.data)?;
        HostKey::remove(&cx.deployment.configuration)?;
    }
    Ok(Deleted::Gone)
}

/// The handle by which another resource names this one.
fn handle(address: &Address) -> Value {
    Value::String(address.to_string())
}

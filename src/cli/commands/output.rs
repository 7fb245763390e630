//! `acquire output`: what was made is called.

use acquire_engine::state::{Recorded, State};
use acquire_model::{Address, Diagnostic, SecretText, ServiceType};
use acquire_provider::Context;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::cli::operation::{Operation, failed, tell_if_first};
use crate::cli::render::report::places;
use crate::cli::terminal::say;
use crate::cli::{World, codes, exit::Exit};

/// Prints what was made: uids, URLs, attributes
#[derive(clap::Args, Debug)]
pub struct Args {
    /// One value by its dotted path, such as `services.identity.url`, printed bare
    path: Option<String>,
    /// Prints one JSON document
    #[arg(long)]
    json: bool,
    /// Shows secrets too: the admins' names, passwords and one-time-code URIs
    #[arg(long)]
    show_secrets: bool,
}

/// Prints it from the state; only secrets are asked for.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, None)?;
    let opened = operation.project.applied(world).await?;
    tell_if_first(opened.seen, &opened.state);
    let cx = operation.context(world, &opened.state)?;
    let secrets = if args.show_secrets { Some(&cx) } else { None };
    let spec = &operation.project.decoded.spec;
    let document = json!({
        "format": 1,
        "name": spec.name,
        "environment": spec.environment,
        "lineage": opened.state.lineage,
        "serial": opened.state.serial,
        "services": services(&opened.state, secrets).await?,
        "resources": resources(&opened.state, secrets).await?,
    });
    match &args.path {
        Some(path) => say(&format!("{}\n", text(at(&document, path)?, args.json))),
        None if args.json => say(&format!("{document:#}\n")),
        None => lines("", &document, &mut |path, value| say(&format!("{path} = {value}\n"))),
    }
    Ok(Exit::Done)
}

async fn services(state: &State, secrets: Option<&Context>) -> Result<Map<String, Value>, Vec<Diagnostic>> {
    let mut services = Map::new();
    for place in places(state) {
        let mut service = json!({ "uid": place.uid, "url": place.url, "canonical_url": place.canonical_url });
        if let (Some(cx), Some(service)) = (secrets, service.as_object_mut()) {
            service.insert("admin".to_owned(), admin(cx, place.service, place.uid.as_deref()).await?);
        }
        services.insert(place.service.to_string(), service);
    }
    Ok(services)
}

async fn admin(cx: &Context, service: ServiceType, uid: Option<&str>) -> Result<Value, Vec<Diagnostic>> {
    let address = format!("{service}/secret");
    let parsed: Address = address.parse().map_err(|_| vec![missing(&address)])?;
    let fields = cx.secrets.reveal(&parsed).await.map_err(|error| failed(&format!("reading {address}"), &error))?;
    let field = |name: &str| fields.get(name).map(SecretText::expose).unwrap_or_default();
    let (username, otp) = (field("admin_username"), field("admin_otp_secret"));
    let issuer = uid.map_or_else(|| service.to_string(), |uid| format!("{service}-{uid}"));
    Ok(json!({
        "username": username,
        "password": field("admin_password"),
        "otp_uri": format!("otpauth://totp/{issuer}:{username}?secret={otp}&issuer={issuer}"),
    }))
}

/// The plain resources by name, each with its attributes and, if wanted, its secrets.
async fn resources(state: &State, secrets: Option<&Context>) -> Result<Map<String, Value>, Vec<Diagnostic>> {
    let mut resources = Map::new();
    for (address, recorded) in state.resources.iter().filter(|(_, recorded)| recorded.service.is_none()) {
        let mut value =
            json!({ "kind": recorded.kind, "provider": recorded.provider, "attributes": recorded.attributes });
        if let (Some(cx), Some(value)) = (secrets, value.as_object_mut()) {
            let revealed = revealed(cx, address, recorded).await?;
            if !revealed.is_empty() {
                let shown = revealed.iter().map(|(name, text)| (name.clone(), text.expose().into()));
                value.insert("secrets".to_owned(), Value::Object(shown.collect()));
            }
        }
        resources.insert(address.owner().to_string(), value);
    }
    Ok(resources)
}

/// The secrets of a resource; none of one that keeps none.
async fn revealed(
    cx: &Context,
    address: &Address,
    recorded: &Recorded,
) -> Result<BTreeMap<String, SecretText>, Vec<Diagnostic>> {
    match cx.secrets.reveal(address).await {
        Err(acquire_provider::Error::Invalid(_)) => Ok(BTreeMap::new()),
        other => other.map_err(|error| failed(&format!("reading the {} {address}", recorded.kind), &error)),
    }
}

fn at<'a>(document: &'a Value, path: &str) -> Result<&'a Value, Vec<Diagnostic>> {
    path.split('.').try_fold(document, |value, part| value.get(part)).ok_or_else(|| vec![missing(path)])
}

fn missing(path: &str) -> Diagnostic {
    let summary = format!("there is no output `{path}`");
    Diagnostic::error(codes::NOT_IN_STATE, summary).hint("`acquire output` lists what there is")
}

fn text(value: &Value, json: bool) -> String {
    match value {
        Value::String(text) if !json => text.clone(),
        other => other.to_string(),
    }
}

/// One line for each value, with its dotted path.
fn lines(path: &str, value: &Value, line: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                lines(&path, field, line);
            }
        }
        Value::Null => {}
        other => line(path, &text(other, false).replace('\n', "\\n")),
    }
}

use crate::graph::Node;
use crate::graph::edges::{Draft, Inputs};
use acquire_model::spec::{Service, Spec};
use acquire_model::{Address, Expression, Kind, Part, ProviderName, Reference, ServiceType};
use serde_json::json;
use std::collections::BTreeMap;

/// The user name of each service's first admin.
const ADMIN_USERNAME: &str = "admin";
/// How often a service does what is due, seconds.
const SCHEDULE_SECONDS: u64 = 60;

/// Adds what the services come to.
pub(super) fn add(draft: &mut Draft) {
    let (spec, binary) = (draft.spec, &draft.options.binary_sha256);
    for (of, service) in &spec.services {
        let expansion = Expansion { spec, binary, of: *of, service };
        for (part, inputs) in expansion.parts() {
            let node = expansion.node(part, &inputs, draft);
            draft.add(node);
        }
    }
}

/// One service on its way to resources.
struct Expansion<'a> {
    spec: &'a Spec,
    binary: &'a str,
    of: ServiceType,
    service: &'a Service,
}

fn output(service: ServiceType, part: Part, attribute: &str) -> Expression {
    Expression::Reference(Reference { address: Address::part(service, part), attribute: attribute.to_owned() })
}

impl Expansion<'_> {
    /// The table: every part of the service, with its inputs.
    fn parts(&self) -> Vec<(Part, Inputs)> {
        let mut parts = vec![
            (Part::Bucket, self.bucket()),
            (Part::Key, self.key()),
            (Part::Secret, self.secret()),
            (Part::Function, self.function()),
            (Part::Schedule, self.schedule()),
            (Part::Registration, self.registration()),
        ];
        if self.of != ServiceType::Registry {
            parts.push((Part::Trust, self.trust()));
        }
        parts
    }

    fn bucket(&self) -> Inputs {
        Inputs::default().literal("name", json!(self.of)).literal("versioning", json!(false))
    }

    fn key(&self) -> Inputs {
        let paths = self.paths(&["rotate"], &["defaults.keys.rotate"]);
        Inputs::default().written("rotate_seconds", json!(self.service.rotate_seconds).into(), paths)
    }

    fn secret(&self) -> Inputs {
        Inputs::default().literal("service", json!(self.of)).literal("admin_username", json!(ADMIN_USERNAME))
    }

    fn function(&self) -> Inputs {
        let written: Vec<&str> = self.service.settings.keys().map(String::as_str).collect();
        let rotate = [("rotate_seconds".to_owned(), json!(self.service.rotate_seconds).into())];
        let settings = self.service.settings.clone().into_iter().chain(rotate).collect();
        let inputs = Inputs::default()
            .literal("service", json!(self.of))
            .literal("binary", json!(self.binary))
            .with("bucket", output(self.of, Part::Bucket, "location"))
            .with("key", output(self.of, Part::Key, "handle"))
            .with("secret", output(self.of, Part::Secret, "handle"))
            .written("settings", Expression::Object(settings), self.paths(&written, &[]))
            .written(
                "memory_bytes",
                json!(self.service.memory_bytes).into(),
                self.paths(&["memory"], &["defaults.function.memory"]),
            )
            .written(
                "timeout_seconds",
                json!(self.service.timeout_seconds).into(),
                self.paths(&["timeout"], &["defaults.function.timeout"]),
            );
        let inputs = match &self.service.domain {
            Some(domain) => inputs.written("domain", json!(domain).into(), self.paths(&["domain"], &[])),
            None => inputs,
        };
        let inputs = if self.of == ServiceType::Registry {
            inputs
        } else {
            inputs.with("registry_url", output(ServiceType::Registry, Part::Function, "url"))
        };
        registry_keys(inputs)
    }

    fn schedule(&self) -> Inputs {
        Inputs::default()
            .literal("service", json!(self.of))
            .literal("every_seconds", json!(SCHEDULE_SECONDS))
            .with("function", output(self.of, Part::Function, "url"))
    }

    /// One after the other, so that the same spec always gets the same uids.
    fn registration(&self) -> Inputs {
        let before = self.spec.services.keys().take_while(|other| **other != self.of).last();
        before
            .into_iter()
            .fold(self.introduced(), |inputs, before| inputs.needing(Address::part(*before, Part::Registration)))
    }

    fn trust(&self) -> Inputs {
        let others = self.spec.services.keys().filter(|other| **other != self.of && **other != ServiceType::Registry);
        let peers: BTreeMap<String, Expression> =
            others.map(|other| (other.to_string(), output(*other, Part::Registration, "uid"))).collect();
        self.introduced()
            .with("uid", output(self.of, Part::Registration, "uid"))
            .with("peers", Expression::Object(peers))
            .needing(Address::part(ServiceType::Registry, Part::Registration))
    }

    /// What both introductions must know: where the service is, and the registry.
    fn introduced(&self) -> Inputs {
        registry_keys(
            Inputs::default()
                .literal("service", json!(self.of))
                .with("url", output(self.of, Part::Function, "url"))
                .with("public_key", output(self.of, Part::Secret, "public_key"))
                .with("public_certificate", output(self.of, Part::Secret, "public_certificate"))
                .with("registry_url", output(ServiceType::Registry, Part::Function, "url")),
        )
    }

    /// Where a value may stand in the spec: below the service, else elsewhere.
    fn paths(&self, own: &[&str], elsewhere: &[&str]) -> Vec<String> {
        let own = own.iter().map(|path| format!("services.{}.{path}", self.of));
        own.chain(elsewhere.iter().map(|path| (*path).to_owned())).collect()
    }

    fn node(&self, part: Part, inputs: &Inputs, draft: &Draft) -> Node {
        let kind = Kind::from(part);
        let provider = match part {
            Part::Registration | Part::Trust => ProviderName::trust(),
            _ => self.service.placed.get(&kind).unwrap_or(&self.service.provider).clone(),
        };
        let path = format!("services.{}", self.of);
        Node { service: Some(self.of), ..draft.node(Address::new(self.of.into(), kind), provider, &path, inputs) }
    }
}

fn registry_keys(inputs: Inputs) -> Inputs {
    inputs
        .with("registry_public_key", output(ServiceType::Registry, Part::Secret, "public_key"))
        .with("registry_public_certificate", output(ServiceType::Registry, Part::Secret, "public_certificate"))
}

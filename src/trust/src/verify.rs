use acquire_client::{Error as ClientError, call, derived_password, register};
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{Address, Attributes, Diagnostic, Name, ServiceType, attributes, ports};
use acquire_provider::verify::{Report, Verified};
use acquire_provider::{Context, Error, Verify};
use async_trait::async_trait;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::Trust;
use crate::admins::Visit;
use crate::codes::{ANOTHER, BINARY, FLOW, SILENT, UNPROVED, UNREGISTERED};
use crate::wire::{address, provisioned};

/// The user that the flow registers: the same at every run, so that runs leave nothing behind that grows.
const USERNAME: &str = "acquire-verify";

/// A service that is to be proved.
struct Subject {
    service: ServiceType,
    owner: Name,
    /// With the keys that it was provisioned with and the uid that it was registered under.
    record: ServiceRecord,
    /// The SHA-256 of the binary that was applied.
    binary: String,
}

#[async_trait]
impl Verify for Trust {
    async fn verify(&self, cx: &Context, resources: &BTreeMap<Address, Attributes>) -> Result<Report, Error> {
        let (subjects, mut failures) = subjects(resources)?;
        let mut services = Vec::new();
        for outcome in join_all(subjects.iter().map(|subject| self.prove(cx, subject))).await {
            match outcome {
                Ok(verified) => services.push(verified),
                Err(failure) => failures.push(failure),
            }
        }
        let mut flow = Vec::new();
        let started = cx.clock.monotonic();
        let identity = subjects.iter().find(|subject| subject.service == ServiceType::Identity);
        if let (Some(identity), true) = (identity, failures.is_empty()) {
            let registration = resources.get(&address(&identity.owner, "registration")?);
            let registration = registration.ok_or_else(|| Error::Bug("identity has no registration".to_owned()))?;
            if let Err((step, problem)) = self.flow(cx, identity, registration, &mut flow).await {
                let diagnostic = Diagnostic::error(FLOW, format!("`{step}` does not work: {problem}"));
                failures.push(hinted(diagnostic, identity, "function"));
            }
        }
        let flow_took = cx.clock.monotonic().saturating_sub(started);
        self.admins.leave_all().await;
        Ok(Report { services, flow, flow_took, failures })
    }
}

impl Trust {
    /// Asks a service who it is, by the keys that it was given, and compares its answer with what was applied.
    async fn prove(&self, cx: &Context, subject: &Subject) -> Result<Verified, Diagnostic> {
        let nonce = format!("{:032x}", u128::from_be_bytes(ports::draw(&*cx.entropy)));
        let started = cx.clock.monotonic();
        let arguments = json!({ "nonce": nonce });
        let answer = call(&*self.admins.transport, &subject.record, Some("verify"), &arguments, &*cx.clock).await;
        let answer = answer.map_err(|error| unproved(subject, &error))?;
        let took = cx.clock.monotonic().saturating_sub(started);
        let record = &subject.record;
        let (url, canonical) = (record.url.full(), record.canonical_url());
        let expected = [
            ("nonce", nonce.as_str(), UNPROVED, "function"),
            ("service_type", subject.service.as_str(), ANOTHER, "registration"),
            ("uid", record.uid_text(), ANOTHER, "registration"),
            ("url", &url, ANOTHER, "registration"),
            ("canonical_url", &canonical, ANOTHER, "registration"),
            ("binary", &subject.binary, BINARY, "function"),
        ];
        let said = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or("nothing");
        if let Some((name, value, code, kind)) = expected.into_iter().find(|(name, value, ..)| said(name) != *value) {
            let summary = format!("the {name} of {} is {}, not {value}", subject.service, said(name));
            return Err(hinted(Diagnostic::error(code, summary), subject, kind));
        }
        Ok(Verified {
            service: subject.service,
            uid: record.uid_text().to_owned(),
            url,
            binary: subject.binary.clone(),
            took,
        })
    }

    /// Registers a user, logs in and signs something that the identity service must check. The user is made once; later
    /// runs see that its name is taken, which is as much of an answer. Who logs in is the admin, whose code we can make.
    async fn flow(
        &self,
        cx: &Context,
        identity: &Subject,
        registration: &Attributes,
        done: &mut Vec<String>,
    ) -> Result<(), (&'static str, String)> {
        let at = |step: &'static str| move |problem: String| (step, problem);
        let directory = self.admins.directory(cx, registration).map_err(|e| at("register")(e.to_string()))?;
        let secret = address(&identity.owner, "secret").map_err(|e| at("register")(e.to_string()))?;
        let secret = cx.secrets.reveal(&secret).await.map_err(|e| at("register")(e.to_string()))?;
        let proof = secret.get("setup_proof").ok_or(("register", "the service has no set-up proof".to_owned()))?;
        match register(&directory, &identity.record, USERNAME, &derived_password(proof, USERNAME)).await {
            Ok(_) => {}
            Err(error) if error.class() == Some(Class::UsernameError) => {}
            Err(error) => return Err(at("register")(error.to_string())),
        }
        done.push("register".to_owned());
        let visit = self.admins.visit(cx, directory, identity.record.clone()).await;
        let Visit { directory, session, .. } = visit.map_err(|e| at("login")(e.to_string()))?;
        done.push("login".to_owned());
        let signed = session.authorise("list_devices", &*cx.clock, &*cx.entropy);
        let arguments = json!({ "authorisation": signed.map_err(|e| at("authorisation")(e.to_string()))?.to_json() });
        let answer = directory.call(&identity.record, Some("list_devices"), &arguments).await;
        answer.map_err(|e| at("authorisation")(e.to_string()))?;
        done.push("authorisation".to_owned());
        self.admins.leave(&identity.record).await.map_err(|e| at("logout")(e.to_string()))?;
        done.push("logout".to_owned());
        Ok(())
    }
}

/// The services among the resources, and what is wrong with them before anything is asked.
fn subjects(resources: &BTreeMap<Address, Attributes>) -> Result<(Vec<Subject>, Vec<Diagnostic>), Error> {
    let mut subjects = Vec::new();
    let mut failures = Vec::new();
    for (place, function) in resources.iter().filter(|(place, _)| place.kind().as_str() == "function") {
        let Ok(service) = place.owner().as_str().parse::<ServiceType>() else { continue };
        let Some(registration) = resources.get(&address(place.owner(), "registration")?) else {
            let summary = format!("{service} was made but is not in the registry");
            failures.push(
                Diagnostic::error(UNREGISTERED, summary)
                    .address(place)
                    .hint("`acquire apply` goes on where it stopped and registers it"),
            );
            continue;
        };
        subjects.push(Subject {
            service,
            owner: place.owner().clone(),
            record: provisioned(service, registration, "")?,
            binary: attributes::text(function, "binary").unwrap_or_default().to_owned(),
        });
    }
    subjects.sort_by_key(|subject| subject.service);
    Ok((subjects, failures))
}

fn unproved(subject: &Subject, error: &ClientError) -> Diagnostic {
    let url = subject.record.url.full();
    match error {
        ClientError::Unavailable(problem) => {
            let summary = format!("{} does not answer at {url}", subject.service);
            hinted(Diagnostic::error(SILENT, summary).detail(problem.clone()), subject, "function")
        }
        _ => {
            let summary = format!("what answers at {url} is not proved to be {}", subject.service);
            hinted(Diagnostic::error(UNPROVED, summary).detail(error.to_string()), subject, "function")
        }
    }
}

fn hinted(diagnostic: Diagnostic, subject: &Subject, kind: &str) -> Diagnostic {
    let hint = match diagnostic.code {
        SILENT => {
            format!("`acquire logs {}` shows what it said last; `acquire apply` starts it again", subject.service)
        }
        UNPROVED => "another program, or an earlier deployment, listens there: end it, then `acquire apply`".to_owned(),
        BINARY => "`acquire apply` puts the present binary there".to_owned(),
        ANOTHER => {
            "`acquire plan` shows what differs; `acquire apply` registers the service as it should be".to_owned()
        }
        _ => format!("`acquire logs {}` shows what went wrong there", subject.service),
    };
    diagnostic.address(format!("{}/{kind}", subject.owner)).hint(hint)
}

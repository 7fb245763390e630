use acquire_client::{Directory, Error, Http, Reach, Session, Settings, Transport, discover, provisioned};
use acquire_engine::state::State;
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_model::uid::ServiceUid;
use acquire_model::{Address, Diagnostic, ServiceType, Severity, attributes};
use std::sync::Arc;

use super::files::{Device, Files, Known};
use super::{codes, explain};
use crate::cli::project::Project;
use crate::cli::terminal::tell;
use crate::cli::{World, render, variables};

/// Where the deployment is.
#[derive(clap::Args, Debug, Clone)]
pub struct Place {
    /// Registry of the deployment [default: $ACQUIRE_REGISTRY, else that of the spec here or above, else the one used last]
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Identity service, by uid or URL [default: the deployment's own]
    #[arg(long, value_name = "UID|URL")]
    pub identity: Option<String>,
}

/// A deployment that a user talks to.
pub struct Deployment {
    /// Finds and calls its services.
    pub directory: Directory,
    /// Its registry as it is now.
    pub registry: ServiceRecord,
    files: Files,
    known: Known,
    /// The identity service that is meant this time, by uid or URL.
    identity: String,
}

impl Deployment {
    /// Finds the deployment that is meant, and proves that its registry is the one that is known.
    pub async fn find(world: &World, place: &Place) -> Result<Self, Vec<Diagnostic>> {
        let files = Files::open(&world.environment)?;
        // A person says where to call, so a private network is as good as any; only https leaves this machine.
        let settings = Settings { reach: Reach::Private, ..Settings::default() };
        let transport: Arc<dyn Transport> =
            Arc::new(Http::new(settings).map_err(|error| explain("the start", "this machine", &error))?);
        let named = place.registry.as_deref().or_else(|| variables::REGISTRY.of(&world.environment));
        let known = match named {
            Some(url) => at(world, &*transport, &files, url).await?,
            None => match here(world).await? {
                Some(known) => known,
                None => files.last()?.ok_or_else(nowhere)?,
            },
        };
        let url = known.registry.url.full();
        let directory = Directory::new(known.registry, transport, world.clock.clone(), world.entropy.clone());
        let registry = directory.registry().await.map_err(|error| {
            let mut problems = explain("the question who it is", &url, &error);
            if let Some(problem) = problems.iter_mut().find(|problem| problem.code == codes::NOT_THE_ONE) {
                let files = files.about(&url);
                problem.hint =
                    Some(format!("type no password; but if the deployment was made anew there, remove {files}"));
            }
            problems
        })?;
        let known = Known { registry: registry.clone(), identity: known.identity, lineage: known.lineage };
        files.keep(&known)?;
        let identity = place.identity.clone().unwrap_or_else(|| known.identity.clone());
        Ok(Self { directory, registry, files, known, identity })
    }

    /// The identity service. One that was named is the one to be used from now on.
    pub async fn identity(&self) -> Result<ServiceRecord, Vec<Diagnostic>> {
        let found = self.service(&self.identity).await?;
        if found.service_type == ServiceType::Identity {
            self.files.keep(&Known { identity: self.identity.clone(), ..self.known.clone() })?;
            return Ok(found);
        }
        let summary = format!("{} at {} is no identity service, but {}", self.identity, found.url, found.service_type);
        Err(vec![
            Diagnostic::error(codes::NO_SERVICE, summary).hint("leave `--identity` out: the deployment has its own"),
        ])
    }

    /// A service by uid or URL.
    pub async fn service(&self, name: &str) -> Result<ServiceRecord, Vec<Diagnostic>> {
        let found = match name.parse::<ServiceUid>() {
            Ok(uid) => self.directory.by_uid(&uid).await,
            Err(_) => self.directory.by_url(name).await,
        };
        found.map_err(|error| {
            let url = self.url();
            let summary = match &error {
                Error::Invalid(problem) => problem.clone(),
                error if error.class() == Some(Class::MissingServiceError) => format!("{url} knows no service {name}"),
                error => return explain("the look-up", &url, error),
            };
            let hint = "`--registry URL` names another deployment, `--identity UID|URL` another identity service";
            vec![Diagnostic::error(codes::NO_SERVICE, summary).hint(hint)]
        })
    }

    /// The saved session of this deployment.
    pub fn session(&self) -> Result<Session, Vec<Diagnostic>> {
        self.files.session(&self.url())?.ok_or_else(|| {
            let summary = format!("nobody is logged in here at {}", self.url());
            vec![Diagnostic::error(codes::NOT_LOGGED_IN, summary).hint("`acquire login NAME` logs in")]
        })
    }

    /// Saves a session of this deployment.
    pub fn save_session(&self, session: &Session) -> Result<(), Vec<Diagnostic>> {
        self.files.save_session(&self.url(), session)
    }

    /// Forgets the saved session.
    pub fn forget_session(&self) -> Result<(), Vec<Diagnostic>> {
        self.files.forget_session(&self.url())
    }

    /// This machine as a remembered device of a user.
    pub fn device(&self, username: &str) -> Result<Option<Device>, Vec<Diagnostic>> {
        self.files.device(&self.url(), username)
    }

    /// Remembers this machine as a device of a user.
    pub fn save_device(&self, username: &str, device: &Device) -> Result<(), Vec<Diagnostic>> {
        self.files.save_device(&self.url(), username, device)
    }

    fn url(&self) -> String {
        self.registry.url.full()
    }
}

/// Remembers an applied deployment as the one used last: users on this machine then need not name it.
pub fn remember(world: &World, state: &State) {
    tell_problems(world, || {
        let Some(known) = in_state(state)? else { return Ok(()) };
        let files = Files::open(&world.environment)?;
        // What was kept of an earlier deployment at that address is good for nothing.
        let earlier = files.known(&known.registry.url.full())?.and_then(|earlier| earlier.lineage);
        if let Some(earlier) = earlier.filter(|earlier| *earlier != state.lineage) {
            files.forget(&earlier, true)?;
        }
        files.keep(&known)
    });
}

/// Forgets a destroyed deployment as the one used last; if nothing is left of it, also its keys, session and devices.
pub fn forget(world: &World, state: &State) {
    tell_problems(world, || match in_state(state)? {
        // Only another part of it was destroyed.
        Some(_) => Ok(()),
        None => Files::open(&world.environment)?.forget(&state.lineage, state.resource_count() == 0),
    });
}

/// What is remembered is a convenience: whoever applies or destroys is told if it fails, and goes on.
fn tell_problems(world: &World, work: impl FnOnce() -> Result<(), Vec<Diagnostic>>) {
    let problems = work().err().unwrap_or_default().into_iter();
    let warnings = problems.map(|problem| Diagnostic { severity: Severity::Warning, ..problem });
    tell(&render::diagnostics(&warnings.collect::<Vec<_>>(), world.terminal.colour_err));
}

/// The deployment whose registry is at a URL. The first time its keys are taken as they come, and said; from then on
/// they must be the same, or have been changed by whoever had them.
async fn at(world: &World, transport: &dyn Transport, files: &Files, url: &str) -> Result<Known, Vec<Diagnostic>> {
    let hint = "`acquire output` shows the registry's URL to whoever applied the deployment";
    let parsed: ServiceUrl = url.parse().map_err(|error: acquire_envelope::url::Invalid| {
        vec![Diagnostic::error(codes::NO_DEPLOYMENT, error.to_string()).hint(hint)]
    })?;
    let full = parsed.full();
    if let Some(known) = files.known(&full)? {
        return Ok(known);
    }
    let registry =
        discover(transport, &*world.clock, ServiceType::Registry, url).await.map_err(|error| match error {
            Error::Answer(why) => {
                let summary = format!("what answers at {full} is no registry: {why}");
                vec![Diagnostic::error(codes::NOT_THE_ONE, summary).hint(hint)]
            }
            error => explain("the question who it is", &full, &error),
        })?;
    let fingerprint = registry.public_certificate.fingerprint();
    tell(&format!("First time at {full}: its certificate is {fingerprint}. From now on no other is accepted there.\n"));
    let canonical = registry.canonical_url();
    let identity = canonical.rsplit_once("registry").map(|(before, after)| format!("{before}identity{after}"));
    Ok(Known { identity: identity.unwrap_or(canonical), registry, lineage: None })
}

/// The deployment of the spec here or above, as its state has it.
async fn here(world: &World) -> Result<Option<Known>, Vec<Diagnostic>> {
    let Some(project) = Project::find(world)? else { return Ok(None) };
    let known = in_state(&project.applied(world).await?.state)?.ok_or_else(|| {
        let file = project.file.display();
        let summary = format!("the deployment of {file} has no registry or no identity service at present");
        let hint = format!("`{}` brings it up; `--registry URL` names another", project.command("apply"));
        vec![Diagnostic::error(codes::NO_DEPLOYMENT, summary).hint(hint)]
    })?;
    Ok(Some(known))
}

/// What a state says of registry and identity service; `None` if it lacks one of them.
fn in_state(state: &State) -> Result<Option<Known>, Vec<Diagnostic>> {
    let output = |owner: &str, kind: &str, name: &str| {
        let place: Address = format!("{owner}/{kind}").parse().ok()?;
        attributes::text(&state.resources.get(&place)?.attributes, name)
    };
    let (Some(url), Some(key), Some(certificate), Some(identity)) = (
        output("registry", "function", "url"),
        output("registry", "secret", "public_key"),
        output("registry", "secret", "public_certificate"),
        output("identity", "registration", "uid"),
    ) else {
        return Ok(None);
    };
    let registry = provisioned(ServiceType::Registry, url, key, certificate);
    let registry = registry.map_err(|error| explain("reading the state", url, &error))?;
    Ok(Some(Known { registry, identity: identity.to_owned(), lineage: Some(state.lineage.clone()) }))
}

fn nowhere() -> Vec<Diagnostic> {
    let summary = "no deployment is named, none is described here or above, and none was used before";
    vec![
        Diagnostic::error(codes::NO_DEPLOYMENT, summary)
            .hint("name its registry with `--registry URL`, or go to the directory of its acquire.yaml"),
    ]
}

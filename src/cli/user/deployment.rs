use acquire_client::{Directory, Http, Reach, Session, Settings, Transport, discover, provisioned};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_model::uid::ServiceUid;
use acquire_model::{Address, Diagnostic, ServiceType, attributes};
use std::sync::Arc;

use super::files::{Device, Files, Known};
use super::{codes, explain};
use crate::cli::World;
use crate::cli::project::Project;
use crate::cli::terminal::tell;

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
    /// The user's files.
    pub files: Files,
    identity: String,
}

impl Deployment {
    /// Finds the deployment that is meant, and proves that its registry is the one that is known.
    pub async fn find(world: &World, place: &Place) -> Result<Self, Vec<Diagnostic>> {
        let files = Files::open(&world.environment)?;
        // A person says where to call, so a private network is as good as any; only https leaves this machine.
        let settings = Settings { reach: Reach::Private, ..Settings::default() };
        let transport: Arc<dyn Transport> =
            Arc::new(Http::new(settings).map_err(|error| explain("the start", &error))?);
        let named = place.registry.as_deref().or_else(|| world.environment.variable("ACQUIRE_REGISTRY"));
        let known = match named {
            Some(url) => at(world, &*transport, &files, url).await?,
            None => match here(world)? {
                Some(known) => known,
                None => files.last()?.ok_or_else(nowhere)?,
            },
        };
        let url = known.registry.url.full();
        let directory = Directory::new(known.registry, transport, world.clock.clone(), world.entropy.clone());
        let registry = directory.registry().await.map_err(|error| {
            let mut problems = explain("asking the registry", &error);
            if let Some(problem) = problems.iter_mut().find(|problem| problem.code == codes::NOT_THE_ONE) {
                problem.hint = Some(format!("if the deployment was made anew there, remove {}", files.about(&url)));
            }
            problems
        })?;
        let identity = place.identity.clone().unwrap_or(known.identity);
        files.keep(&Known { registry: registry.clone(), identity: identity.clone() })?;
        Ok(Self { directory, registry, files, identity })
    }

    /// The identity service.
    pub async fn identity(&self) -> Result<ServiceRecord, Vec<Diagnostic>> {
        self.service(&self.identity).await
    }

    /// A service by uid or URL.
    pub async fn service(&self, name: &str) -> Result<ServiceRecord, Vec<Diagnostic>> {
        let found = match name.parse::<ServiceUid>() {
            Ok(uid) => self.directory.by_uid(&uid).await,
            Err(_) => self.directory.by_url(name).await,
        };
        found.map_err(|error| explain(&format!("looking up {name}"), &error))
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

/// The deployment whose registry is at a URL. The first time its keys are taken as they come, and said; from then on
/// they must be the same, or have been changed by whoever had them.
async fn at(world: &World, transport: &dyn Transport, files: &Files, url: &str) -> Result<Known, Vec<Diagnostic>> {
    let parsed: ServiceUrl = url.parse().map_err(|error: acquire_envelope::url::Invalid| {
        vec![Diagnostic::error(codes::NO_DEPLOYMENT, error.to_string())]
    })?;
    if let Some(known) = files.known(&parsed.full())? {
        return Ok(known);
    }
    let registry = discover(transport, &*world.clock, ServiceType::Registry, url)
        .await
        .map_err(|error| explain("asking the registry", &error))?;
    tell(&format!(
        "First time at {}: its certificate is {}. From now on no other is accepted there.\n",
        parsed.full(),
        registry.public_certificate.fingerprint(),
    ));
    let canonical = registry.canonical_url();
    let identity = canonical.rsplit_once("registry").map(|(before, after)| format!("{before}identity{after}"));
    Ok(Known { identity: identity.unwrap_or(canonical), registry })
}

/// The deployment of the spec here or above, as its state has it.
fn here(world: &World) -> Result<Option<Known>, Vec<Diagnostic>> {
    let Some(project) = Project::find(world)? else { return Ok(None) };
    let state = project.applied(world)?.state;
    let output = |owner: &str, kind: &str, name: &str| {
        let place: Option<Address> = format!("{owner}/{kind}").parse().ok();
        let recorded = place.and_then(|place| state.resources.get(&place));
        recorded.and_then(|recorded| attributes::text(&recorded.attributes, name)).ok_or_else(|| {
            let summary = format!("the deployment of {} has no {owner} service at present", project.file.display());
            vec![Diagnostic::error(codes::NO_DEPLOYMENT, summary).hint("`acquire apply` brings it up")]
        })
    };
    let registry = provisioned(
        ServiceType::Registry,
        output("registry", "function", "url")?,
        output("registry", "secret", "public_key")?,
        output("registry", "secret", "public_certificate")?,
    );
    let registry = registry.map_err(|error| explain("reading the state", &error))?;
    Ok(Some(Known { registry, identity: output("identity", "registration", "uid")?.to_owned() }))
}

fn nowhere() -> Vec<Diagnostic> {
    let summary = "no deployment is named, none is described here or above, and none was used before";
    vec![
        Diagnostic::error(codes::NO_DEPLOYMENT, summary)
            .hint("name its registry with `--registry URL`, or go to the directory of its acquire.yaml"),
    ]
}

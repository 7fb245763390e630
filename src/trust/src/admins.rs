use acquire_client::{Ask, Directory, Login, Session, SessionKeys, Transport, logout, request_login, send_with_secret};
use acquire_envelope::service::ServiceRecord;
use acquire_model::{Attributes, Name, SecretText, ServiceType};
use acquire_provider::{Context, Error};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

use crate::wire::{address, explain, provisioned};

/// What all calls of one run share. Logging in costs a password hash and burns a one-time code, so each admin is logged
/// in at most once a run.
pub(crate) struct Admins {
    pub transport: Arc<dyn Transport>,
    keys: OnceCell<SessionKeys>,
    directories: Mutex<BTreeMap<String, Arc<Directory>>>,
    visits: Mutex<BTreeMap<String, Arc<OnceCell<Visit>>>>,
}

/// A service with its admin logged in.
#[derive(Clone)]
pub(crate) struct Visit {
    pub directory: Arc<Directory>,
    pub service: ServiceRecord,
    pub session: Session,
}

impl Admins {
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, keys: OnceCell::new(), directories: Mutex::default(), visits: Mutex::default() }
    }

    /// The directory of the registry that a resource names.
    pub fn directory(&self, cx: &Context, resource: &Attributes) -> Result<Arc<Directory>, Error> {
        let root = provisioned(ServiceType::Registry, resource, "registry_")?;
        let name = format!("{} {}", root.url.full(), root.public_key.fingerprint());
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Directory::new(root, self.transport.clone(), cx.clock.clone(), cx.entropy.clone());
        Ok(directories.entry(name).or_insert_with(|| Arc::new(make())).clone())
    }

    /// Returns a service with its admin logged in; logs in if this run has not yet.
    pub async fn visit(&self, cx: &Context, directory: Arc<Directory>, service: ServiceRecord) -> Result<Visit, Error> {
        let cell = {
            let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
            visits.entry(service.url.full()).or_default().clone()
        };
        let log_in = || async {
            let session = self.log_in(cx, &directory, &service).await?;
            Ok::<_, Error>(Visit { directory: directory.clone(), service: service.clone(), session })
        };
        Ok(cell.get_or_try_init(log_in).await?.clone())
    }

    /// Logs out a service's admin, if this run logged it in.
    pub async fn leave(&self, service: &ServiceRecord) -> Result<(), acquire_client::Error> {
        let cell = self.visits.lock().unwrap_or_else(PoisonError::into_inner).remove(&service.url.full());
        match cell.as_ref().and_then(|cell| cell.get()) {
            Some(visit) => logout(&visit.directory, &visit.service, &visit.session).await,
            None => Ok(()),
        }
    }

    /// Logs out every admin that this run logged in. One that cannot be logged out expires by itself.
    pub async fn leave_all(&self) {
        let visits = std::mem::take(&mut *self.visits.lock().unwrap_or_else(PoisonError::into_inner));
        let visits: Vec<Visit> = visits.into_values().filter_map(|cell| cell.get().cloned()).collect();
        join_all(visits.iter().map(|visit| logout(&visit.directory, &visit.service, &visit.session))).await;
    }

    async fn log_in(&self, cx: &Context, directory: &Directory, service: &ServiceRecord) -> Result<Session, Error> {
        let admin = Admin::reveal(cx, service.service_type).await?;
        let keys = self.keys.get_or_try_init(SessionKeys::generate).await.map_err(explain)?.clone();
        let ask = Ask { username: &admin.username, message: Some("acquire apply"), hostname: None };
        let pending = request_login(directory, service, &ask, keys).await.map_err(explain)?;
        let login = Login::typed(&admin.username, &admin.password, "");
        let short_uid = pending.short_uid();
        let sent = send_with_secret(directory, service, &short_uid, &login, &admin.otp_secret).await;
        Ok(pending.approved(sent.map_err(explain)?.user_uid))
    }
}

impl Visit {
    /// Calls a function that the admin must approve as `<function> <uid>`.
    pub async fn call(
        &self,
        cx: &Context,
        function: &str,
        uid: &str,
        (name, value): (&str, Value),
    ) -> Result<(), Error> {
        let resource = format!("{function} {uid}");
        let proof = self.session.authorise(&resource, &*cx.clock, &*cx.entropy).map_err(explain)?;
        let arguments = json!({ name: value, "authorisation": proof.to_json() });
        self.directory.call(&self.service, Some(function), &arguments).await.map_err(explain)?;
        Ok(())
    }
}

/// What a service's admin logs in with.
struct Admin {
    username: String,
    password: SecretText,
    otp_secret: SecretText,
}

impl Admin {
    async fn reveal(cx: &Context, service: ServiceType) -> Result<Self, Error> {
        let owner: Name = service.as_str().parse().map_err(|e| Error::Bug(format!("{e}")))?;
        let mut secret = cx.secrets.reveal(&address(&owner, "secret")?).await?;
        let mut field = |name: &str| {
            secret.remove(name).ok_or_else(|| Error::Bug(format!("the secret of {service} has no `{name}`")))
        };
        Ok(Self {
            username: field("admin_username")?.expose().to_owned(),
            password: field("admin_password")?,
            otp_secret: field("admin_otp_secret")?,
        })
    }
}

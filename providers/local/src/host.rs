//! The process that runs the functions of one deployment on this machine.

/// Services of the deployment, opened when first asked for.
mod functions;
/// Connections and calls, and how many of them.
mod server;
/// TLS in front of the listener.
mod tls;

use crate::client::process::{CONFIGURATION_VARIABLE, DATA_VARIABLE, Home, LINEAGE_VARIABLE, Running};
use acquire_model::lineage::Lineage;
use acquire_model::{Clock, Entropy, Environment};
use acquire_provider::{Error, Host, OpenService};
use async_trait::async_trait;
use functions::Functions;
use futures::future::OptionFuture;
use server::{Bounds, Server};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The largest body that the host lets through.
const BODY_BYTES_MAX: usize = 6 << 20;
/// How often the timers look whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// How long the host's lock is waited for: whoever looks whether a host lives holds it for an instant, and a host that was
/// killed holds it until its last thread is gone.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The local host: one process for the deployment, `http://ADDRESS:PORT/t/<service>`.
pub struct LocalHost {
    environment: Arc<Environment>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    program: Program,
}

/// The running program, whose digest is computed only when it is not known yet.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Computes its SHA-256, lower-case hex.
    pub digest: fn(&Path) -> Result<String, Error>,
}

impl LocalHost {
    /// Makes the host.
    pub fn new(
        environment: Arc<Environment>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        program: Program,
    ) -> Self {
        Self { environment, clock, entropy, program }
    }

    /// The variables that make a process the host of a deployment, for `serve --foreground`.
    pub fn variables(data: &Path, configuration: &Path, lineage: &Lineage) -> [(String, String); 3] {
        [
            (DATA_VARIABLE.to_owned(), data.display().to_string()),
            (CONFIGURATION_VARIABLE.to_owned(), configuration.display().to_string()),
            (LINEAGE_VARIABLE.to_owned(), lineage.as_str().to_owned()),
        ]
    }

    fn variable(&self, name: &str) -> Result<&str, Error> {
        self.environment.variable(name).ok_or_else(|| Error::Invalid(format!("the variable {name} is not set")))
    }
}

#[async_trait]
impl Host for LocalHost {
    fn detect(&self, environment: &Environment) -> bool {
        environment.variable(DATA_VARIABLE).is_some()
    }

    async fn serve(&self, open: Arc<dyn OpenService>) -> Result<(), Error> {
        let data = PathBuf::from(self.variable(DATA_VARIABLE)?);
        let home = Home::new(&data);
        let lock = home.lock_within(self.clock.as_ref(), LOCK_WAIT).await?.ok_or_else(|| {
            Error::Conflict(format!("another host runs this deployment already ({})", home.directory().display()))
        })?;
        // Given back by the kernel when the process has ended, and not before: whoever gets it knows that the host is gone.
        std::mem::forget(lock);
        // A session of its own: closing the operator's terminal does not end it. It may be one already.
        let _ = rustix::process::setsid();
        let settings = home.settings()?;
        let listener = listen(&home, &settings.listen).await?;
        let acceptor = tls::acceptor(&settings)?;
        let address = listener.local_addr().map_err(|error| Error::Unavailable(error.to_string()))?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let binary = home.digest(&self.program.path, self.program.digest)?;
        let functions = Functions::new(functions::Parts {
            data,
            configuration: PathBuf::from(self.variable(CONFIGURATION_VARIABLE)?),
            lineage: self.variable(LINEAGE_VARIABLE)?.to_owned().try_into().map_err(Error::Invalid)?,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            binary: binary.clone(),
            body_bytes_max: BODY_BYTES_MAX,
            open,
        });
        home.write_last_address(&address.to_string())?;
        tracing::info!("listening on {scheme}://{address}");
        home.write_running(&Running {
            pid: std::process::id(),
            address: address.to_string(),
            scheme: scheme.to_owned(),
            binary,
        })?;
        let timers = tokio::spawn(sweep_when_due(functions.clone(), home.clone(), self.clock.clone()));
        let server = Server::new(acceptor, functions, self.clock.clone(), Bounds::default());
        server.run(listener, until_told_to_end()).await;
        timers.abort();
        home.remove_running()?;
        tracing::info!("ended");
        Ok(())
    }
}

async fn listen(home: &Home, listen: &str) -> Result<TcpListener, Error> {
    let last = home.last_address().filter(|_| listen.ends_with(":0"));
    match OptionFuture::from(last.map(TcpListener::bind)).await {
        Some(Ok(listener)) => Ok(listener),
        _ => bind(listen).await,
    }
}

async fn bind(listen: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).await.map_err(|error| cannot_listen(listen, &error))
}

/// Says why nobody can listen there, and what to do.
pub(crate) fn cannot_listen(listen: &str, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let port = listen.rsplit(':').next().unwrap_or_default();
            Error::Conflict(format!(
                "{listen} is taken by another program on this machine; `ss -ltnp 'sport = :{port}'` names it"
            ))
            .advise("end that program, or take a free port: `providers: { local: { listen: auto } }`")
        }
        _ => Error::Invalid(format!("cannot listen on {listen}: {error}")),
    }
}

async fn until_told_to_end() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signal handlers the default action ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn sweep_when_due(functions: Arc<Functions>, home: Home, clock: Arc<dyn Clock>) {
    let mut last = std::collections::BTreeMap::new();
    loop {
        clock.sleep(TICK).await;
        if let Err(error) = home.set_log_aside() {
            tracing::warn!("{error}");
        }
        functions.sweep(&mut last).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::process::Settings;

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = bind(&taken.local_addr().unwrap().to_string()).await.unwrap_err();
        let (what, advice) = error.told();
        assert!(what.contains(&taken.local_addr().unwrap().to_string()), "{what}");
        assert!(advice.unwrap().contains("listen: auto"));
    }

    #[test]
    fn settings_of_another_version_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"listen":"x","more":1}"#).is_err());
    }
}

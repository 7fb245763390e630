use acquire_crypto::PrivateKey;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Limits, reply, request};
use acquire_model::Clock;
use serde_json::Value;
use std::sync::OnceLock;

use crate::{Error, Transport};

/// What every call needs beside whom and what.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Carries it.
    pub transport: &'a dyn Transport,
    /// Dates it.
    pub clock: &'a dyn Clock,
    /// The answer is encrypted to its public half. A service gives its own key, so that it need not generate one.
    pub reply_key: &'a PrivateKey,
}

impl Caller<'_> {
    /// Calls a function: encrypts to the service's key, demands a signature by its certificate, checks the answer and
    /// that it belongs to this very call.
    ///
    /// # Errors
    /// Those of `Transport::post`; `Exception` as the service answered; `MissingKey`; `Answer` if the answer is not
    /// proved to come from the service.
    pub async fn call(self, to: &ServiceRecord, function: Option<&str>, payload: &Value) -> Result<Value, Error> {
        let sealed = request::seal(&request::Call {
            function,
            payload,
            public_key: &to.public_key,
            reply_key: self.reply_key.public(),
            sign_with: Some(to.public_certificate.fingerprint()),
            now: self.clock.now(),
        })?;
        let answer = self.transport.post(&to.url.full(), sealed.body).await?;
        let expected = reply::Expected {
            reply_key: self.reply_key,
            certificate: Some(&to.public_certificate),
            request: Some(sealed.digest),
        };
        Ok(reply::open(&answer, &expected, &Limits::default())?)
    }
}

/// Calls a function as `Caller::call` does, with a reply key that is generated once per process.
///
/// # Errors
/// As `Caller::call`.
pub async fn call(
    transport: &dyn Transport,
    to: &ServiceRecord,
    function: Option<&str>,
    payload: &Value,
    clock: &dyn Clock,
) -> Result<Value, Error> {
    Caller { transport, clock, reply_key: reply_key().await? }.call(to, function, payload).await
}

/// The key of this process that answers are encrypted to.
pub(crate) async fn reply_key() -> Result<&'static PrivateKey, Error> {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let made = generate_key().await?;
    Ok(KEY.get_or_init(|| made))
}

/// Generates a key pair off the threads that serve: it takes a tenth of a second.
pub(crate) async fn generate_key() -> Result<PrivateKey, Error> {
    let made = tokio::task::spawn_blocking(PrivateKey::generate).await;
    Ok(made.map_err(|e| Error::Bug(format!("key generation: {e}")))??)
}

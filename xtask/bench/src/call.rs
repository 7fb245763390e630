use super::deployment::{Deployment, Machine};
use acquire_client::directory::discover;
use acquire_client::{Directory, Http, Login, SessionKeys, Settings, Transport, login, one_time_code, request_login};
use acquire_crypto::PrivateKey;
use acquire_envelope::request;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{SecretText, ServiceType, Timestamp};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls that are counted, after a tenth as many that warm up.
const CALLS: usize = 3_000;
/// Logins that are counted.
const LOGINS: i64 = 20;
/// Bare operations of each kind.
const OPERATIONS: u32 = 2_000;
/// What the issue asks for: the share of the two bare operations in the whole call.
const SHARE: f64 = 0.8;

/// Measures and prints.
pub fn run() -> Result<()> {
    let deployment = Deployment::new()?;
    deployment.acquire(&["apply", "--yes"])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (decrypt, sign) = bare_operations()?;
    let call = runtime.block_on(calls(&deployment))?;
    let (decrypt_after, sign_after) = bare_operations()?;
    let bare = (decrypt + sign + decrypt_after + sign_after) / 2;
    let login = runtime.block_on(logins(&deployment))?;
    println!("signed call that does nothing, CPU of the host process, {CALLS} calls");
    println!("  bare RSA-2048 decrypt {:>8.0} µs", (decrypt + decrypt_after).as_secs_f64() * 5e5);
    println!("  bare RSA-2048 sign    {:>8.0} µs", (sign + sign_after).as_secs_f64() * 5e5);
    println!("  whole call            {:>8.0} µs", call.as_secs_f64() * 1e6);
    let share = bare.as_secs_f64() / call.as_secs_f64();
    println!("  share of the two bare operations: {share:.2} (goal {SHARE})");
    println!("login with password and one-time code, CPU of the host process, {LOGINS} logins");
    println!("  request_login + login {:>8.1} ms (goal 23)", login.as_secs_f64() * 1e3);
    Ok(())
}

/// Mean time of a bare decryption and of a bare signature.
fn bare_operations() -> Result<(Duration, Duration)> {
    let key = PrivateKey::generate()?;
    let message = [7; 44];
    let sealed = key.public().encrypt(&message)?;
    let started = Instant::now();
    for _ in 0..OPERATIONS {
        key.decrypt_short(&sealed)?;
    }
    let decrypt = started.elapsed() / OPERATIONS;
    let started = Instant::now();
    for _ in 0..OPERATIONS {
        key.sign(&message)?;
    }
    Ok((decrypt, started.elapsed() / OPERATIONS))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("outputs have {pointer}"))
}

async fn identity(deployment: &Deployment, transport: &dyn Transport) -> Result<(ServiceRecord, Value)> {
    let outputs = deployment.outputs()?;
    let url = text(&outputs, "/services/identity/url")?;
    let record = discover(transport, &Machine(Instant::now()), ServiceType::Identity, url).await?;
    Ok((record, outputs))
}

/// CPU of the host for one `warm` call, encrypted both ways and signed.
async fn calls(deployment: &Deployment) -> Result<Duration> {
    let transport = Http::new(Settings::default())?;
    let (record, _) = identity(deployment, &transport).await?;
    let reply_key = PrivateKey::generate()?;
    let clock = Machine(Instant::now());
    let sealed = |_| {
        let call = request::Call {
            function: Some("warm"),
            payload: &json!({}),
            public_key: &record.public_key,
            reply_key: reply_key.public(),
            sign_with: Some(record.public_certificate.fingerprint()),
            now: acquire_model::Clock::now(&clock),
        };
        Ok(request::seal(&call)?.body)
    };
    // Sealed beforehand: nothing is sent twice, and only sending goes on while the host is watched.
    let bodies: Vec<Vec<u8>> = (0..CALLS + CALLS / 10).map(sealed).collect::<Result<_>>()?;
    let url = record.url.full();
    let mut before = Duration::ZERO;
    for (number, body) in bodies.into_iter().enumerate() {
        if number == CALLS / 10 {
            before = deployment.cpu()?;
        }
        transport.post(&url, body).await?;
    }
    Ok((deployment.cpu()? - before) / u32::try_from(CALLS)?)
}

/// CPU of the host for one login: `request_login` and `login`.
async fn logins(deployment: &Deployment) -> Result<Duration> {
    let transport: Arc<dyn Transport> = Arc::new(Http::new(Settings::default())?);
    let (record, outputs) = identity(deployment, transport.as_ref()).await?;
    let registry = text(&outputs, "/services/registry/url")?;
    let clock = Arc::new(Machine(Instant::now()));
    let root = discover(transport.as_ref(), clock.as_ref(), ServiceType::Registry, registry).await?;
    let directory = Directory::new(root, transport, clock.clone(), clock.clone());
    let keys = SessionKeys::generate().await?;
    let password = SecretText::new("Correct-Horse-Battery-1");
    let mut total = Duration::ZERO;
    for number in 0..LOGINS {
        // A fresh user for each, so that no code is used twice.
        let username = format!("bench-{number}");
        let registered = login::register(&directory, &record, &username, &password).await?;
        let secret = registered.provisioning_uri.expose().split("secret=").nth(1).context("the URI has a secret")?;
        let secret = SecretText::new(secret.split('&').next().unwrap_or_default());
        let now: Timestamp = acquire_model::Clock::now(clock.as_ref());
        let code = one_time_code(&secret, now)?;
        let before = deployment.cpu()?;
        let ask = login::Ask { username: &username, ..login::Ask::default() };
        let pending = request_login(&directory, &record, &ask, keys.clone()).await?;
        let credentials = Login {
            username: &username,
            password: &password,
            code: &code,
            device_uid: None,
            user_uid: None,
            remember_device: false,
        };
        login::send_credentials(&directory, &record, &pending.short_uid(), &credentials).await?;
        total += deployment.cpu()? - before;
    }
    Ok(total / u32::try_from(LOGINS)?)
}

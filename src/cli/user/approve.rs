use acquire_client::{Error, LoginUrl, Waiting, waiting};
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::sibling;
use acquire_model::{Diagnostic, ServiceType};

use super::deployment::{Deployment, Place};
use super::files::Files;
use super::proof::{Flags, Proof};
use super::{codes, explain, minute};
use crate::cli::World;
use crate::cli::render::diagnostic::printable;
use crate::cli::terminal::{ask, say, tell};

/// Approves the log-in that waits behind a login URL. Nothing of it is saved here: it is the other device's.
pub async fn approve(world: &World, place: &Place, flags: &Flags, text: &str) -> Result<(), Vec<Diagnostic>> {
    let url: LoginUrl = text.parse().map_err(|error: Error| {
        let hint = "copy the whole URL that the other device shows, in quotes";
        vec![Diagnostic::error(codes::LOGIN_URL, error.to_string()).hint(hint)]
    })?;
    let deployment = Deployment::find(world, &meant(world, place, &url)?).await?;
    let service = service(&deployment, &url).await?;
    let waiting = waiting(&deployment.directory, &service, &url.short_uid).await;
    let waiting = waiting.map_err(|error| explain("the question about the log-in", &service.url.full(), &error))?;
    tell(&format!("A log-in waits for you at {}\n{}", service.url.full(), describe(&url.short_uid, &waiting)));
    tell("Go on only if it is yours, and if the other device shows the same session and message.\n");
    let name = name(world, flags, &waiting)?;
    let proof = Proof::of(&name, flags, &deployment)?;
    let password = proof.password()?;
    if password.expose().is_empty() {
        tell("Nothing was approved.\n");
        return Err(vec![
            Diagnostic::error(codes::REFUSED, "no password was typed").hint("do nothing, and it ends by itself"),
        ]);
    }
    proof.send(&deployment, &service, &url.short_uid, &password).await?;
    say(&format!("Approved: session {} of {name}@{}. The other device goes on.\n", url.short_uid, service.uid_text()));
    Ok(())
}

/// Shows a log-in that waits, in the same lines to whoever asks for it and to whoever approves it.
pub fn describe(short_uid: &str, waiting: &Waiting) -> String {
    let from = match (&waiting.address, &waiting.hostname) {
        (Some(address), Some(name)) => Some(format!("{address}, which calls itself {name}")),
        (address, name) => address.clone().or_else(|| name.clone()),
    };
    let lines = [
        ("session", Some(short_uid.to_owned())),
        ("user name", waiting.username.clone()),
        ("message", waiting.message.clone()),
        ("asked from", from),
        ("waits until", waiting.expires.map(minute)),
    ];
    let lines =
        lines.iter().filter_map(|(name, value)| Some(format!("  {name:<11}  {}\n", printable(value.as_deref()?))));
    lines.collect()
}

/// Where the log-in waits, unless a registry is named: at the registry beside the service, if that is known here.
fn meant(world: &World, place: &Place, url: &LoginUrl) -> Result<Place, Vec<Diagnostic>> {
    let mut place = place.clone();
    if let (None, Some(registry)) = (&place.registry, registry_beside(url)) {
        let is_known = Files::open(&world.environment)?.known(&registry)?.is_some();
        place.registry = is_known.then_some(registry);
    }
    Ok(place)
}

fn registry_beside(url: &LoginUrl) -> Option<String> {
    sibling(&url.url.full(), ServiceType::Registry)
}

/// The service that holds the log-in. It must be the one at that URL: others have services of the same uid.
async fn service(deployment: &Deployment, url: &LoginUrl) -> Result<ServiceRecord, Vec<Diagnostic>> {
    let registry = deployment.registry.url.full();
    let elsewhere = |summary: String| {
        let there = registry_beside(url).unwrap_or_else(|| "URL".to_owned());
        vec![Diagnostic::error(codes::LOGIN_URL, summary).hint(format!("`--registry {there}` names its deployment"))]
    };
    match deployment.directory.by_uid(&url.service).await {
        Ok(service) if service.url.full().trim_end_matches('/') == url.url.full().trim_end_matches('/') => Ok(service),
        Ok(service) => {
            let (meant, here) = (url.url.full(), service.url.full());
            Err(elsewhere(format!("that log-in waits at {meant}, but {} of {registry} is at {here}", url.service)))
        }
        Err(error) if error.class() == Some(Class::MissingServiceError) => {
            Err(elsewhere(format!("{registry} knows no service {}, where that log-in waits", url.service)))
        }
        Err(error) => Err(explain("the look-up", &registry, &error)),
    }
}

/// Asks for the user name; who types nothing, or cannot type, means the one that the log-in was asked for.
fn name(world: &World, flags: &Flags, waiting: &Waiting) -> Result<String, Vec<Diagnostic>> {
    let asked_for = waiting.username.as_deref().filter(|name| *name == printable(name));
    let typed = match asked_for {
        _ if flags.password_stdin || !world.terminal.can_ask => String::new(),
        Some(name) => ask(&format!("User name [{name}]: "))?,
        None => ask("User name: ")?,
    };
    let name = if typed.is_empty() { asked_for.unwrap_or_default().to_owned() } else { typed };
    if name.is_empty() {
        let summary = "the user name must be typed, since the service does not tell it";
        return Err(vec![
            Diagnostic::error(codes::NO_TERMINAL, summary).hint("run it on a terminal, without `--password-stdin`"),
        ]);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_model::Timestamp;

    #[test]
    fn a_log_in_that_waits_is_shown_whole_and_cannot_steer_the_terminal() {
        let waiting = Waiting {
            username: Some("alice".to_owned()),
            message: Some("hello\u{1b}[2J".to_owned()),
            address: Some("127.0.0.1".to_owned()),
            hostname: Some("laptop".to_owned()),
            expires: Some(Timestamp::EPOCH.plus_seconds(1_800)),
        };
        let shown = "  session      0c.00.a3.4d
  user name    alice
  message      hello\u{fffd}[2J
  asked from   127.0.0.1, which calls itself laptop
  waits until  1970-01-01 00:30 UTC
";
        assert_eq!(describe("0c.00.a3.4d", &waiting), shown);
        assert_eq!(describe("0c.00.a3.4d", &Waiting::default()), "  session      0c.00.a3.4d\n");
    }
}

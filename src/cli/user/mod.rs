//! What the commands of a user share: finding the deployment, the files in the configuration directory, asking and showing.

/// Approving a log-in that waits on another device.
pub mod approve;
/// The codes of what may go wrong for a user.
pub mod codes;
/// Which deployment is meant, and what is known of it.
pub mod deployment;
/// The saved session and the remembered devices.
pub mod files;
/// Asking a person.
pub mod prompt;
/// Password and one-time code.
pub mod proof;
/// Pictures of text for a phone's camera.
pub mod qr;

pub use deployment::{forget, remember};

use acquire_client::Error;
use acquire_envelope::{Class, Exception};
use acquire_model::{Diagnostic, Timestamp};

/// Says what a failed call means to a user. `doing` is what was tried, such as `the log-in`; `url` is where.
pub fn explain(doing: &str, url: &str, error: &Error) -> Vec<Diagnostic> {
    let (code, summary, hint) = match error {
        Error::Exception(exception) => return vec![refused(doing, url, exception)],
        Error::Unavailable(why) => (
            codes::UNREACHABLE,
            format!("{url} cannot be reached: {why}"),
            "check address and network; whoever applied the deployment sees with `acquire status` whether it runs",
        ),
        Error::Refused(why) => (
            codes::UNREACHABLE,
            why.clone(),
            "give its https address, or name another deployment with `--registry URL`",
        ),
        Error::Answer(why) => {
            let summary = format!("what answers at {url} is not the service that is known here: {why}");
            (codes::NOT_THE_ONE, summary, "type no password; `--registry URL` names the deployment that you mean")
        }
        Error::MissingKey(_) => {
            let summary = format!("the service at {url} has lost the key that is known here");
            (
                codes::NOT_THE_ONE,
                summary,
                "wait some minutes; then whoever runs the deployment sees more in `acquire logs`",
            )
        }
        Error::TimedOut => {
            let summary = format!("nobody approved the log-in at {url} in time");
            (codes::OVER, summary, "`acquire login NAME` begins a new one")
        }
        Error::Denied => {
            let summary = format!("the log-in at {url} was denied, or has expired");
            (codes::OVER, summary, "`acquire login NAME` begins a new one")
        }
        Error::File(problem) => (codes::FILE, problem.clone(), "check who may write there, and the room on the disk"),
        Error::Invalid(problem) | Error::Bug(problem) => {
            (codes::SERVICE, format!("{doing} at {url} failed: {problem}"), "try again; if it stays, report it")
        }
    };
    vec![Diagnostic::error(code, summary).hint(hint)]
}

/// Says what a service's refusal means: its words, without the class that programs go by.
fn refused(doing: &str, url: &str, exception: &Exception) -> Diagnostic {
    let said = &exception.message;
    let (code, summary, hint) = match exception.class {
        Class::UsernameError | Class::ExistingAccountError => (
            codes::NAME,
            format!("{url} does not take the user name: {said}"),
            "choose another, of 3 to 150 characters; if it is yours, `acquire login NAME`",
        ),
        Class::LoginSessionError => (
            codes::OVER,
            format!("{url} has no such log-in that waits: it expired, or was approved, denied or ended"),
            "`acquire login NAME` begins a new one",
        ),
        _ => (
            codes::SERVICE,
            format!("{url} refused {doing}: {said}"),
            "whoever runs the deployment sees more with `acquire logs`",
        ),
    };
    Diagnostic::error(code, summary).hint(hint)
}

/// An instant as people read it, to the minute.
pub fn minute(instant: Timestamp) -> String {
    format!("{} UTC", instant.to_string().get(..16).unwrap_or_default().replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_envelope::exception;

    const URL: &str = "https://example.org/t/identity";

    #[test]
    fn every_message_names_the_place_and_what_to_do_and_no_class_of_a_program() {
        let text = || "connection refused".to_owned();
        let errors = [
            Error::Unavailable(text()),
            Error::Answer("the challenge was not met".to_owned()),
            Error::MissingKey(exception::service_account("no such key")),
            Error::TimedOut,
            Error::Denied,
            Error::Invalid(text()),
            Error::Bug(text()),
        ];
        let refusals = Class::ALL.iter().map(|class| Error::Exception(Exception::new(*class, "not now")));
        for error in errors.into_iter().chain(refusals) {
            let problem = explain("the log-in", URL, &error).remove(0);
            assert!(problem.summary.contains(URL) && problem.hint.is_some(), "{problem:?}");
            if let Some(class) = error.class() {
                assert!(!problem.summary.contains(class.name()), "{problem:?}");
            }
        }
    }

    #[test]
    fn a_service_that_cannot_be_reached_and_one_that_refuses_are_told_so() {
        let said = |error| explain("the log-in", URL, &error).remove(0).summary;
        assert_eq!(
            said(Error::Unavailable("connection refused".to_owned())),
            "https://example.org/t/identity cannot be reached: connection refused"
        );
        assert_eq!(
            said(Error::Exception(exception::permission("too many log-ins; wait half an hour"))),
            "https://example.org/t/identity refused the log-in: too many log-ins; wait half an hour"
        );
        assert_eq!(
            said(Error::Exception(Exception::new(Class::UsernameError, "this user name is taken"))),
            "https://example.org/t/identity does not take the user name: this user name is taken"
        );
    }

    #[test]
    fn an_instant_is_shown_to_the_minute() {
        assert_eq!(minute(Timestamp::EPOCH.plus_seconds(5_045)), "1970-01-01 01:24 UTC");
    }
}

//! What the commands of a user share: finding the deployment, the files in the configuration directory, asking and showing.

/// The codes of what may go wrong for a user.
pub mod codes;
/// Which deployment is meant, and what is known of it.
pub mod deployment;
/// The saved session and the remembered devices.
pub mod files;
/// Asking a person.
pub mod prompt;
/// Pictures of text for a phone's camera.
pub mod qr;

use acquire_client::Error;
use acquire_envelope::Class;
use acquire_model::Diagnostic;

/// Says what a failed call means to a user. `doing` is what was tried, such as `the log-in`.
pub fn explain(doing: &str, error: &Error) -> Vec<Diagnostic> {
    let failed = |code| Diagnostic::error(code, format!("{doing} failed: {error}"));
    let diagnostic = match (error, error.class()) {
        (_, Some(Class::RepeatedOTPCodeError)) => {
            failed(codes::CODE_USED).hint("each code works once: wait for the next one")
        }
        (_, Some(Class::UserValidationError | Class::PermissionError)) => Diagnostic::error(
            codes::REFUSED,
            format!("{doing} was refused: user name, password or one-time code is wrong"),
        ),
        (_, Some(Class::UsernameError | Class::ExistingAccountError)) => failed(codes::NAME),
        (_, Some(Class::LoginSessionError)) | (Error::Denied | Error::TimedOut, _) => {
            failed(codes::OVER).hint("start again with `acquire login NAME`")
        }
        (Error::Unavailable(_) | Error::Refused(_), _) => {
            failed(codes::UNREACHABLE).hint("`acquire status` shows whether the deployment runs")
        }
        (Error::Answer(_) | Error::MissingKey(_), _) => failed(codes::NOT_THE_ONE)
            .hint("another program, or a deployment made anew, answers there; `--registry URL` names the one you mean"),
        (Error::File(_), _) => failed(codes::FILE),
        _ => failed(codes::SERVICE),
    };
    vec![diagnostic]
}

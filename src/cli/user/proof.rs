use acquire_client::{Approved, Error, Login, send_credentials, send_with_secret};
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{Diagnostic, SecretText};

use super::deployment::Deployment;
use super::files::Device;
use super::{codes, explain, prompt};

/// How a user shows who he is.
#[derive(clap::Args, Debug)]
pub struct Flags {
    /// Takes the password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// One-time code of the authenticator app
    #[arg(long, value_name = "CODE")]
    pub otp_code: Option<String>,
    /// Remembers this machine: it then makes its own one-time codes
    #[arg(long)]
    pub remember_device: bool,
}

/// Password and one-time code of a user: given, made here, or to be asked for.
pub struct Proof<'a> {
    name: &'a str,
    flags: &'a Flags,
    device: Option<Device>,
    /// None: it is asked for.
    password: Option<SecretText>,
}

impl<'a> Proof<'a> {
    /// Finds out where password and code come from. If they cannot be had, says so before anything is begun.
    pub fn of(name: &'a str, flags: &'a Flags, deployment: &Deployment) -> Result<Self, Vec<Diagnostic>> {
        let device = deployment.device(name)?.filter(|_| flags.otp_code.is_none());
        let password = (!flags.password_stdin).then_some(prompt::PASSWORD);
        let code = (flags.otp_code.is_none() && device.is_none()).then_some(prompt::CODE);
        prompt::must_be_able(&[password, code].into_iter().flatten().collect::<Vec<_>>())?;
        let password = if flags.password_stdin { Some(prompt::piped_password()?) } else { None };
        Ok(Self { name, flags, device, password })
    }

    /// Returns the password, or asks for it. Empty is what somebody types who wants to approve elsewhere.
    pub fn password(&self) -> Result<SecretText, Vec<Diagnostic>> {
        self.password.clone().map_or_else(|| prompt::hidden(prompt::PASSWORD), Ok)
    }

    /// Sends it all, which approves the log-in of a short uid, and remembers this machine if that is wanted.
    pub async fn send(
        &self,
        deployment: &Deployment,
        service: &ServiceRecord,
        short_uid: &str,
        password: &SecretText,
    ) -> Result<Approved, Vec<Diagnostic>> {
        let code = match (&self.flags.otp_code, &self.device) {
            (Some(code), _) => SecretText::new(code.as_str()),
            (None, Some(_)) => SecretText::new(""),
            (None, None) => prompt::hidden(prompt::CODE)?,
        };
        let login = Login {
            device_uid: self.device.as_ref().map(|device| &device.device_uid),
            user_uid: self.device.as_ref().map(|device| &device.user_uid),
            remember_device: self.flags.remember_device,
            ..Login::typed(self.name, password, code.expose())
        };
        let directory = &deployment.directory;
        let sent = match &self.device {
            Some(device) => send_with_secret(directory, service, short_uid, &login, &device.secret).await,
            None => send_credentials(directory, service, short_uid, &login).await,
        };
        let approved = sent.map_err(|error| self.explain(&service.url.full(), &error))?;
        if let Some((device_uid, secret)) = approved.device.clone() {
            let device = Device { user_uid: approved.user_uid.clone(), device_uid, secret };
            deployment.save_device(self.name, &device)?;
        }
        Ok(approved)
    }

    fn explain(&self, url: &str, error: &Error) -> Vec<Diagnostic> {
        let (code, summary, hint) = match error.class() {
            Some(Class::RepeatedOTPCodeError) => (
                codes::CODE_USED,
                format!("{url} has seen this one-time code before: each opens one session"),
                "wait for the next code, at most 30 seconds, and log in again",
            ),
            // The service does not say which; nor that the account is disabled.
            Some(Class::UserValidationError | Class::PermissionError) => (
                codes::REFUSED,
                format!("{url} does not let `{}` in: user name, password or one-time code is wrong", self.name),
                match self.device {
                    Some(_) => {
                        "if the password is right, this machine is remembered no more: give a code by `--otp-code CODE`"
                    }
                    None => {
                        "log in again with a fresh code; after many tries wait some minutes; an account may also be disabled"
                    }
                },
            ),
            _ => return explain("the log-in", url, error),
        };
        vec![Diagnostic::error(code, summary).hint(hint)]
    }
}

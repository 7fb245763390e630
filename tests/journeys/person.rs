//! Somebody who uses a deployment.

use crate::sandbox::{Sandbox, now};
use acquire_client::one_time_code;
use acquire_model::SecretText;
use std::process::{Child, Command, Output};

/// A registered user with a configuration directory of their own.
pub struct Person {
    pub name: String,
    secret: SecretText,
}

impl Person {
    pub fn register(sandbox: &Sandbox, name: String) -> Option<Self> {
        let output = sandbox.register(&name);
        Self::registered(name, output)
    }

    /// Whoever a registration came to; `None` if it was not acknowledged.
    pub fn registered(name: String, output: Output) -> Option<Self> {
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        let secret = said.split("secret=").nth(1)?.split('&').next()?;
        output.status.success().then(|| Self { name, secret: SecretText::new(secret) })
    }

    fn command(&self, sandbox: &Sandbox, registry: &str, arguments: &[&str]) -> Command {
        let mut command = sandbox.command(arguments);
        command.args(["--registry", registry]).env("ACQUIRE_CONFIG_DIR", sandbox.path().join(&self.name));
        command
    }

    pub fn logging_in(&self, sandbox: &Sandbox, registry: &str) -> Child {
        let code = one_time_code(&self.secret, now()).unwrap();
        let arguments = ["login", &self.name, "--password-stdin", "--otp-code", &code];
        sandbox.with_password(&mut self.command(sandbox, registry, &arguments))
    }

    pub fn is_logged_in(&self, sandbox: &Sandbox, registry: &str) -> bool {
        self.command(sandbox, registry, &["whoami"]).output().unwrap().status.success()
    }
}

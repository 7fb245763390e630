//! The `acquire` binary: a command line for people, and the code of every function.
//!
//! It is a function when it is called `bootstrap` or told to `serve`; nothing else decides that.

/// The command line.
mod cli;
/// The providers and hosts of this binary.
mod providers;
/// The world outside, as values.
mod system;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = system::arguments();
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| name == "bootstrap") {
        arguments = vec!["acquire".to_owned(), "serve".to_owned()];
    }
    cli::run(arguments, system::environment())
}

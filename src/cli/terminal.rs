//! The two streams: data to standard output, talk to standard error.

use acquire_model::{Diagnostic, Environment};
use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};

use super::{codes, variables};

/// Longest answer that is read from a terminal.
const ANSWER_BYTES_MAX: u64 = 4096;

/// What is known of the terminal, found out once.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Whether a person reads standard error and can be shown something that moves.
    pub is_live: bool,
    /// Whether a person can answer.
    pub can_ask: bool,
    /// Whether standard output may have colour.
    pub colour_out: bool,
    /// Whether standard error may have colour.
    pub colour_err: bool,
}

impl Terminal {
    /// Finds out. No escape code goes into a pipe, nor anywhere if `NO_COLOR` is set or `TERM` is `dumb`.
    pub fn new(environment: &Environment) -> Self {
        let is_dumb = variables::TERM.of(environment).is_none_or(|term| term == "dumb");
        let colour = variables::NO_COLOR.of(environment).is_none() && !is_dumb;
        let (out, err) = (stdout().is_terminal(), stderr().is_terminal());
        Self {
            is_live: err && !is_dumb,
            can_ask: stdin().is_terminal() && err,
            colour_out: colour && out,
            colour_err: colour && err,
        }
    }
}

/// Writes data, to standard output.
pub fn say(text: &str) {
    // Whoever reads may have read enough: then nothing is wrong.
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes talk, to standard error.
pub fn tell(text: &str) {
    let mut err = stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Asks a question and returns the line that was typed, without its end.
///
/// # Errors
/// If standard input cannot be read.
pub fn ask(question: &str) -> Result<String, Vec<Diagnostic>> {
    tell(question);
    let mut line = String::new();
    std::io::Read::take(stdin().lock(), ANSWER_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| vec![Diagnostic::error(codes::NO_TERMINAL, format!("the answer cannot be read: {error}"))])?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

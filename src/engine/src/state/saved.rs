use acquire_model::{Diagnostic, Entropy, Lineage};

use super::error::Error;
use super::event::State;
use super::key::StateKey;

const FORMAT: &str = "acquire-plan";
const VERSION: u32 = 1;

/// Seals a plan, bound to lineage and serial of the state it was made from.
///
/// # Errors
/// If it is longer than the cipher takes (256 GiB).
pub fn seal_plan(key: &StateKey, entropy: &dyn Entropy, state: &State, plan: &[u8]) -> Result<Vec<u8>, Diagnostic> {
    let mut file = first_line(&state.lineage, state.serial).into_bytes();
    let sealed = key.seal(entropy, &file, plan).ok_or(Error::TooLarge { address: None })?;
    file.extend(sealed);
    Ok(file)
}

/// Whether a file begins as a saved plan does.
pub fn is_plan(file: &[u8]) -> bool {
    file.strip_prefix(FORMAT.as_bytes()).is_some_and(|rest| rest.first() == Some(&b' '))
}

/// Opens a sealed plan.
///
/// # Errors
/// If it is not a plan of this state (foreign), was edited, or was made from an older state (stale).
pub fn open_plan(key: &StateKey, state: &State, file: &[u8]) -> Result<Vec<u8>, Diagnostic> {
    let end = file.iter().position(|byte| *byte == b'\n').ok_or(Error::PlanEdited)?;
    let (line, sealed) = file.split_at(end + 1);
    let (lineage, serial) = parse(line)?;
    if lineage != state.lineage {
        return Err(Error::PlanForeign { plan: lineage, state: state.lineage.clone() }.into());
    }
    let plan = key.open(line, sealed).ok_or(Error::PlanEdited)?;
    if serial == state.serial {
        Ok(plan.expose().to_vec())
    } else {
        Err(Error::PlanStale { plan: serial, state: state.serial }.into())
    }
}

fn first_line(lineage: &Lineage, serial: u64) -> String {
    format!("{FORMAT} {VERSION} {lineage} {serial}\n")
}

fn parse(line: &[u8]) -> Result<(Lineage, u64), Error> {
    let words: Vec<&str> = std::str::from_utf8(line).map_err(|_| Error::PlanEdited)?.split_whitespace().collect();
    let [FORMAT, version, lineage, serial] = words.as_slice() else { return Err(Error::PlanEdited) };
    let version: u32 = version.parse().map_err(|_| Error::PlanEdited)?;
    if version != VERSION {
        return Err(Error::Format { what: "the plan".to_owned(), version });
    }
    let lineage = Lineage::try_from((*lineage).to_owned()).map_err(|_| Error::PlanEdited)?;
    Ok((lineage, serial.parse().map_err(|_| Error::PlanEdited)?))
}

use crate::Error;
use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const COLUMNS: usize = 64;
/// Far above an encrypted 2048-bit key (1.9 kB).
const CHARACTERS_MAX: usize = 8192;

/// Writes the canonical PEM: 64 columns, LF, one trailing LF.
pub(crate) fn encode(der: &[u8], label: &str) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, character) in body.chars().enumerate() {
        if at > 0 && at % COLUMNS == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// Reads the one PEM block of that label, however its lines are broken. Wiped when dropped, for it may be private.
pub(crate) fn decode(text: &str, label: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let body = text
        .trim()
        .strip_prefix(format!("-----BEGIN {label}-----").as_str())
        .and_then(|rest| rest.strip_suffix(format!("-----END {label}-----").as_str()))
        .filter(|body| body.len() <= CHARACTERS_MAX)
        .ok_or(Error::KeyManipulation)?;
    let kept: Zeroizing<Vec<u8>> = Zeroizing::new(body.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
    STANDARD.decode(&*kept).map(Zeroizing::new).map_err(|_| Error::KeyManipulation)
}

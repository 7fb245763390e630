use crate::Error;
use rsa::pkcs8::AlgorithmIdentifierRef;
use rsa::pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use rsa::pkcs8::der::{Decode, ErrorKind, Reader, SliceReader, Tag};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
/// Half a second of work. The original writes 2048.
const ITERATIONS_MAX: u32 = 1_000_000;

type Result<T> = std::result::Result<T, rsa::pkcs8::der::Error>;

/// Checks that an `ENCRYPTED PRIVATE KEY` is PBES2 with PBKDF2 and not so many iterations that reading it never ends.
pub(crate) fn check(der: &[u8]) -> std::result::Result<(), Error> {
    match iterations(der) {
        Ok(1..=ITERATIONS_MAX) => Ok(()),
        _ => Err(Error::KeyManipulation),
    }
}

fn iterations(der: &[u8]) -> Result<u32> {
    AnyRef::from_der(der)?.sequence(|outer| {
        let scheme = parameters(outer, PBES2)?;
        AnyRef::decode(outer)?;
        scheme.sequence(|parts| {
            let derivation = parameters(parts, PBKDF2)?;
            AnyRef::decode(parts)?;
            derivation.sequence(|parts| {
                <&OctetStringRef>::decode(parts)?;
                let iterations = u32::decode(parts)?;
                // Key length and hash, both optional.
                while !parts.is_finished() {
                    AnyRef::decode(parts)?;
                }
                Ok(iterations)
            })
        })
    })
}

/// Reads an algorithm, which must be the expected one; returns its parameters.
fn parameters<'a>(reader: &mut SliceReader<'a>, expected: ObjectIdentifier) -> Result<AnyRef<'a>> {
    let algorithm = AlgorithmIdentifierRef::decode(reader)?;
    let parameters = algorithm.parameters.filter(|_| algorithm.oid == expected);
    parameters.ok_or_else(|| ErrorKind::TagUnexpected { expected: Some(Tag::Sequence), actual: Tag::Null }.into())
}

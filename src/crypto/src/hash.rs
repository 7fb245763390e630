use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::{self, Read};

/// How much is read at once.
const PIECE_BYTES: usize = 1 << 16;

/// Returns the MD5 of the bytes as lower-case hex. For the wire's identifiers only, never for trust.
pub fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Returns `md5(md5(first) ‖ md5(second))` over hex texts (protocol 01 §2.4).
pub fn multi_md5(first: &str, second: &str) -> String {
    md5_hex((md5_hex(first.as_bytes()) + &md5_hex(second.as_bytes())).as_bytes())
}

/// Returns the SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the SHA-256 of everything that is read.
///
/// # Errors
/// If it cannot be read to its end.
pub fn sha256_of(reader: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// Returns the SHA-256 of the bytes as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Returns the HMAC-SHA-256 of the bytes.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    // A key of any length is good, so the fallback is never taken; it keeps the function total.
    Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| Hmac::new(&Default::default()))
        .chain_update(bytes)
        .finalize()
        .into_bytes()
        .into()
}

/// Compares two byte strings in time that depends on their lengths only.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && openssl::memcmp::eq(left, right)
}

/// Writes bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_published_ones() {
        assert_eq!(md5_hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(multi_md5("a", "b"), "3bc22fb7aaebe9c8c5d7de312b876bb8");
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256_of(&mut &b"abc"[..]).unwrap(), sha256(b"abc"));
        let long = vec![7; 3 * PIECE_BYTES + 1];
        assert_eq!(sha256_of(&mut long.as_slice()).unwrap(), sha256(&long));
        // RFC 4231 test case 2, and case 6 with a key longer than a block.
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn recorded_hashes_are_made_alike() {
        let vector = &crate::testing::vectors()["hash"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        assert_eq!(md5_hex(b"abc"), text(&vector["md5_abc"]));
        assert_eq!(multi_md5("a", "b"), text(&vector["multi_md5_a_b"]));
        let (password, device) = (&vector["encode_password"], &vector["encode_password_device"]);
        let encoded = multi_md5(&text(&password["identity_uid"]), &text(&password["password"]));
        assert_eq!(encoded, text(&password["value"]));
        assert_eq!(md5_hex((encoded.clone() + &text(&device["device_uid"])).as_bytes()), text(&device["value"]));
        let lookup = &vector["user_lookup_hash"];
        let found = multi_md5(&text(&lookup["service_uid"]), &(text(&lookup["username"]) + &encoded));
        assert_eq!(found, text(&lookup["value"]));
    }

    #[test]
    fn only_equal_bytes_are_equal() {
        assert!(equal(b"", b""));
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"abcd"));
    }
}

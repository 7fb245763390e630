use crate::Error;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Writes padding; reads with or without it, and does not mind stray bits in the last character.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Encodes bytes: standard alphabet, padded, one line.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Decodes bytes, skipping every character outside the alphabet, as the original does.
///
/// # Errors
/// [`Error::Base64`] if what is left is not a whole number of bytes.
pub fn decode(text: &str) -> Result<Vec<u8>, Error> {
    // Almost every text is clean; only one that is not is copied.
    ENGINE.decode(text).or_else(|_| {
        let kept: Vec<u8> = text.bytes().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).collect();
        ENGINE.decode(kept).map_err(|_| Error::Base64)
    })
}

/// Encodes the UTF-8 bytes of a text (*B64STR* of protocol 01 §1.1).
pub fn encode_text(text: &str) -> String {
    encode(text.as_bytes())
}

/// Decodes a text that [`encode_text`] made.
///
/// # Errors
/// [`Error::Base64`] if it is not base64 of UTF-8.
pub fn decode_text(text: &str) -> Result<String, Error> {
    String::from_utf8(decode(text)?).map_err(|_| Error::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_written_as_the_original_writes_them() {
        assert_eq!(encode(&[0, 1, 255]), "AAH/");
        assert_eq!(encode_text("fn.acquire-aaai.com/t/identity"), "Zm4uYWNxdWlyZS1hYWFpLmNvbS90L2lkZW50aXR5");
        assert_eq!(encode_text("admin"), "YWRtaW4=");
    }

    #[test]
    fn reading_skips_what_is_not_in_the_alphabet() {
        for text in ["YWRtaW4=", "YWRtaW4", " YWRt\r\naW4=\n", "YW-Rt_aW!4=", "YWRtaW5="] {
            assert_eq!(decode_text(text).unwrap(), "admin", "{text}");
        }
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("Y"), Err(Error::Base64));
        assert_eq!(decode("YWRta"), Err(Error::Base64));
        assert_eq!(decode_text("/w=="), Err(Error::Base64));
    }

    proptest! {
        #[test]
        fn bytes_read_back_as_written(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = decode(&text);
            let _ = decode_text(&text);
        }
    }
}

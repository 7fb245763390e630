//! The bytes of an epoch of a journal: one line of plaintext header, then frames of `length ‖ !length ‖ sealed record`.
//! In a directory they are one file; in a bucket the header is an object, and each group of frames is one.
//!
//! The header line is JSON, a blank, and the SHA-256 of the JSON. Each record is sealed with the link before it as
//! associated data; the link after it is the hash of all that. So no record can be changed, moved, left out or taken
//! from another journal without the key.

use std::fmt;

use serde::{Deserialize, Serialize};

use acquire_crypto::hash;
use acquire_model::{Entropy, Lineage, SecretBytes, Timestamp};

use super::event::Event;
use super::key::StateKey;

/// The format that is written.
pub(super) const VERSION: u32 = 1;
/// Longest header line, bytes.
const HEADER_BYTES_MAX: usize = 4096;
/// Longest sealed record, bytes.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// `length` and its complement, which tells a damaged length from a record that is cut short.
const FRAME_BYTES: usize = 8;
const FORMAT: &str = "acquire-journal";
/// What stands in the place of a piece that was set aside, where its name must stay taken.
pub(super) const SKIPPED: &[u8] = b"acquire-skipped 1\n";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Hash([u8; 32]);

impl Hash {
    /// What stands before the first record of all.
    pub(super) const NONE: Self = Self([0; 32]);

    /// Its first digits, for people.
    pub(super) fn short(self) -> String {
        self.to_string().chars().take(4).collect()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hash::hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || "a hash is 64 lower-case hex digits".to_owned();
        let lower = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !lower {
            return Err(wrong());
        }
        let high = u128::from_str_radix(text.get(..32).unwrap_or_default(), 16).map_err(|_| wrong())?;
        let low = u128::from_str_radix(text.get(32..).unwrap_or_default(), 16).map_err(|_| wrong())?;
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(high.to_be_bytes().into_iter().chain(low.to_be_bytes())).for_each(|(to, from)| *to = from);
        Ok(Self(bytes))
    }
}

/// A place in the chain: after the record of that serial, or after the header of that epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The lock epoch.
    pub(super) epoch: u64,
    /// The serial of the newest record.
    pub(super) serial: u64,
    /// The hash of everything up to here.
    pub(super) hash: Hash,
}

/// The plaintext line that an epoch begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    format: String,
    version: u32,
    /// The identity of the state.
    pub(super) lineage: Lineage,
    /// The lock epoch.
    pub(super) epoch: u64,
    /// The serial of the newest record of the epochs before.
    pub(super) serial: u64,
    /// The hash at the end of the epoch before.
    pub(super) previous: Hash,
    /// The name of the key it is sealed with.
    pub(super) key: String,
    /// The salt of the passphrase, if the key comes from one.
    pub(super) salt: Option<String>,
}

/// Why a header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// There are no bytes.
    Empty,
    /// The line does not end.
    Truncated,
    /// The line does not match its hash.
    Damaged,
    /// It is of that version.
    Version(u32),
}

#[derive(Deserialize)]
struct Versioned {
    format: String,
    version: u32,
}

impl Header {
    /// Makes the header of an epoch that goes on after a link.
    pub(super) fn after(link: Link, epoch: u64, lineage: Lineage, key: String, salt: Option<String>) -> Self {
        let (serial, previous) = (link.serial, link.hash);
        Self { format: FORMAT.to_owned(), version: VERSION, lineage, epoch, serial, previous, key, salt }
    }

    /// Whether bytes begin as a header does, and not as a frame.
    pub(super) fn begins(bytes: &[u8]) -> bool {
        // The first byte of a frame is that of a length below 16 MiB.
        bytes.first() == Some(&b'{')
    }

    /// Writes the line.
    pub(super) fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        let check = hash::sha256_hex(&line);
        line.push(b' ');
        line.extend_from_slice(check.as_bytes());
        line.push(b'\n');
        Ok(line)
    }

    /// Reads the header, and returns the link after it and the bytes of the records.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, Link, &[u8]), BadHeader> {
        if bytes.is_empty() {
            return Err(BadHeader::Empty);
        }
        let head = bytes.get(..bytes.len().min(HEADER_BYTES_MAX)).unwrap_or_default();
        let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
            let is_part_of_a_line = bytes.len() < HEADER_BYTES_MAX && bytes.is_ascii();
            return Err(if is_part_of_a_line { BadHeader::Truncated } else { BadHeader::Damaged });
        };
        let (line, rest) = bytes.split_at(end + 1);
        let header = Self::parse_line(line)?;
        let mut chained = b"acquire-journal 1 header\n".to_vec();
        chained.extend_from_slice(line);
        let link = Link { epoch: header.epoch, serial: header.serial, hash: Hash(hash::sha256(&chained)) };
        Ok((header, link, rest))
    }

    fn parse_line(line: &[u8]) -> Result<Self, BadHeader> {
        let text = std::str::from_utf8(line).map_err(|_| BadHeader::Damaged)?;
        let (json, check) = text.trim_end_matches('\n').rsplit_once(' ').ok_or(BadHeader::Damaged)?;
        if hash::sha256_hex(json.as_bytes()) != check {
            return Err(BadHeader::Damaged);
        }
        let versioned: Versioned = serde_json::from_str(json).map_err(|_| BadHeader::Damaged)?;
        if versioned.format != FORMAT || versioned.version != VERSION {
            return Err(BadHeader::Version(versioned.version));
        }
        serde_json::from_str(json).map_err(|_| BadHeader::Damaged)
    }
}

/// What is sealed: an event and when it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// When it was recorded.
    pub(super) at: Timestamp,
    /// What happened.
    pub(super) event: Event,
}

/// What comes next in the bytes of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Nothing.
    End,
    /// A part of a record.
    Torn,
    /// Something that was never written so.
    Damaged,
    /// A sealed record, and what follows it.
    Whole(&'a [u8], &'a [u8]),
}

impl<'a> Frame<'a> {
    /// Cuts the next frame off.
    pub(super) fn next(bytes: &'a [u8]) -> Self {
        if bytes.is_empty() {
            return Self::End;
        }
        let Some((head, rest)) = bytes.split_first_chunk::<FRAME_BYTES>() else { return Self::Torn };
        let head = u64::from_be_bytes(*head);
        let (length, complement) = (head >> 32, head & 0xffff_ffff);
        match usize::try_from(length) {
            Ok(length) if complement == length_complement(length) && length <= RECORD_BYTES_MAX => {
                rest.split_at_checked(length).map_or(Self::Torn, |(sealed, rest)| Self::Whole(sealed, rest))
            }
            _ => Self::Damaged,
        }
    }

    /// Bytes that a sealed record takes in a file.
    pub(super) fn bytes(sealed: &[u8]) -> usize {
        FRAME_BYTES + sealed.len()
    }
}

fn length_complement(length: usize) -> u64 {
    !(length as u64) & 0xffff_ffff
}

/// Goes along the records of one epoch, sealing or opening one after the other.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    key: StateKey,
    lineage: Lineage,
    link: Link,
}

impl Chain {
    /// Begins after a header.
    pub(super) fn new(key: StateKey, lineage: Lineage, link: Link) -> Self {
        Self { key, lineage, link }
    }

    /// Where it is.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Seals the next record into a frame; `None` if it is longer than a record may be.
    pub(super) fn seal(&mut self, entropy: &dyn Entropy, record: &[u8]) -> Option<Vec<u8>> {
        let associated = self.associated();
        let sealed = self.key.seal(entropy, &associated, record)?;
        if sealed.len() > RECORD_BYTES_MAX {
            return None;
        }
        let mut frame = Vec::with_capacity(Frame::bytes(&sealed));
        frame.extend_from_slice(&(((sealed.len() as u64) << 32) | length_complement(sealed.len())).to_be_bytes());
        frame.extend_from_slice(&sealed);
        self.advance(associated, &sealed);
        Some(frame)
    }

    /// Opens the next record; `None`, and no step on, if it is not the one that was written here.
    pub(super) fn open(&mut self, sealed: &[u8]) -> Option<SecretBytes> {
        let associated = self.associated();
        let record = self.key.open(&associated, sealed)?;
        self.advance(associated, sealed);
        Some(record)
    }

    fn advance(&mut self, mut associated: Vec<u8>, sealed: &[u8]) {
        associated.extend_from_slice(sealed);
        self.link.hash = Hash(hash::sha256(&associated));
        self.link.serial += 1;
    }

    /// Kind, lineage, epoch, serial and previous hash, each of fixed length.
    fn associated(&self) -> Vec<u8> {
        let mut bytes = b"acquire-journal 1 record\n".to_vec();
        bytes.extend_from_slice(self.lineage.as_str().as_bytes());
        bytes.extend_from_slice(&self.link.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.link.serial.saturating_add(1).to_be_bytes());
        bytes.extend_from_slice(&self.link.hash.0);
        bytes
    }
}

//! Seals what may not lie in the database in the clear: credentials of connections, secrets of webhooks.
//!
//! AES-256-GCM. A sealed value is `version ‖ key id ‖ nonce ‖ text ‖ tag`, and it opens only in the row and column that
//! it was sealed for ([`SealContext`]), so that a person who can write to the database cannot move it to another row.
//!
//! ```
//! use rollbook::crypto::seal::{Keys, SealContext};
//!
//! let keys = Keys::parse("8f0e2d4c6b8a79685746352413021f0e8f0e2d4c6b8a79685746352413021f0e".into())?;
//! let context = SealContext { table: "connections", column: "credentials", row: "7" };
//! let sealed = keys.seal(context, b"ra_live_example");
//! assert_eq!(keys.open(context, &sealed)?.as_slice(), b"ra_live_example");
//! assert!(keys.open(SealContext { row: "8", ..context }, &sealed).is_err());
//! # Ok::<(), rollbook::crypto::seal::KeyError>(())
//! ```

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Length of a key in bytes (AES-256).
pub const KEY_LENGTH: usize = 32;

const VERSION: u8 = 1;
const KEY_ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 1 + KEY_ID_LENGTH;

/// Why a key could not be read, or a sealed value not be opened. Never holds key or value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("no key is given: expected 32 bytes as base64 or hex, several separated by commas")]
    Missing,
    #[error(
        "key {position} of the list is no key: expected 32 bytes as base64 or hex, such as `openssl rand -base64 32` prints"
    )]
    Malformed { position: usize },
    #[error("key {position} of the list was given before")]
    Repeated { position: usize },
    #[error(
        "the value was sealed with key {id}, which is not among the {known} given; add the old key after the new one"
    )]
    Unknown { id: String, known: usize },
    #[error("the value was not sealed for this place, or it was damaged")]
    Refused,
}

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealContext<'a> {
    pub table: &'a str,
    pub column: &'a str,
    pub row: &'a str,
}

impl SealContext<'_> {
    /// Each part with its length before it: no two places have the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(24 + self.table.len() + self.column.len() + self.row.len());
        for part in [self.table, self.column, self.row] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// The keys of this deployment: the first seals, all of them open, so that a key can be replaced while it is in use.
pub struct Keys {
    first: Key,
    others: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID_LENGTH],
    cipher: RandomizedNonceKey,
}

impl Keys {
    /// Reads `ROLLBOOK_KEY`: one key or several, separated by commas, each 32 bytes as base64 or hex.
    pub fn parse(text: SecretString) -> Result<Self, KeyError> {
        let mut keys: Vec<Key> = Vec::new();
        if text.expose_secret().trim().is_empty() {
            return Err(KeyError::Missing);
        }
        for (index, word) in text.expose_secret().split(',').enumerate() {
            let position = index + 1;
            let key = Key::new(&*decode(word.trim()).ok_or(KeyError::Malformed { position })?);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyError::Repeated { position });
            }
            keys.push(key);
        }
        drop(text);
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyError::Missing)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// Seals a value for its place. Two sealings of one value differ.
    ///
    /// # Panics
    /// If the value has more than 64 GiB, which AES-GCM cannot seal.
    #[must_use]
    pub fn seal(&self, context: SealContext<'_>, value: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(value.len() + TAG_LENGTH);
        text.extend_from_slice(value);
        let nonce = self
            .first
            .cipher
            .seal_in_place_append_tag(Aad::from(context.associated_data()), &mut text)
            .expect("AES-GCM seals any text shorter than 64 GiB");
        let mut sealed = Vec::with_capacity(HEADER_LENGTH + NONCE_LENGTH + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.first.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        sealed
    }

    /// Opens what [`seal`](Self::seal) made, with whichever of the keys it was made.
    pub fn open(&self, context: SealContext<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (header, rest) = sealed.split_at_checked(HEADER_LENGTH).ok_or(KeyError::Refused)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LENGTH).ok_or(KeyError::Refused)?;
        let (version, id) = header.split_first().ok_or(KeyError::Refused)?;
        if *version != VERSION {
            return Err(KeyError::Refused);
        }
        let key = self
            .all()
            .find(|key| key.id == id)
            .ok_or_else(|| KeyError::Unknown { id: hex(id), known: 1 + self.others.len() })?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Refused)?;
        let mut buffer = Zeroizing::new(text.to_vec());
        let length = key
            .cipher
            .open_in_place(nonce, Aad::from(context.associated_data()), &mut buffer)
            .map_err(|_| KeyError::Refused)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Whether a sealed value was made with an older key than the one that seals now. Such a value should be opened and
    /// sealed again before the old key is taken away.
    #[must_use]
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        sealed.get(1..HEADER_LENGTH) != Some(self.first.id.as_slice())
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.all().map(|key| hex(&key.id)).collect();
        f.debug_struct("Keys").field("ids", &ids).finish_non_exhaustive()
    }
}

impl Key {
    fn new(bytes: &[u8; KEY_LENGTH]) -> Self {
        // The id shows which key it is and nothing about it.
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), b"rollbook: id of a sealing key");
        let mut id = [0; KEY_ID_LENGTH];
        id.copy_from_slice(&tag.as_ref()[..KEY_ID_LENGTH]);
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("AES-256 takes any 32 bytes");
        Self { id, cipher }
    }
}

fn decode(word: &str) -> Option<Zeroizing<[u8; KEY_LENGTH]>> {
    let bytes = Zeroizing::new(if word.len() == 2 * KEY_LENGTH {
        unhex(word)?
    } else {
        [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
            .iter()
            .find_map(|alphabet| alphabet.decode(word).ok())?
    });
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    (bytes.len() == KEY_LENGTH).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

fn unhex(word: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        word.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NEW: &str = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
    const PLACE: SealContext<'static> = SealContext { table: "connections", column: "credentials", row: "1" };

    fn keys(text: &str) -> Keys {
        Keys::parse(text.into()).unwrap()
    }

    #[test]
    fn a_key_is_read_as_hex_and_in_every_base64() {
        let sealed = keys(NEW).seal(PLACE, b"x");
        for text in [NEW, NEW.trim_end_matches('='), &NEW.replace('/', "_").replace('+', "-"), &format!(" {NEW} ")] {
            assert_eq!(keys(text).open(PLACE, &sealed).unwrap().as_slice(), b"x", "{text}");
        }
        assert_eq!(keys(&OLD.to_uppercase()).open(PLACE, &keys(OLD).seal(PLACE, b"y")).unwrap().as_slice(), b"y");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        let refused = |text: &str| Keys::parse(text.into()).unwrap_err();
        assert_eq!(refused(" "), KeyError::Missing);
        assert_eq!(refused("hunter2"), KeyError::Malformed { position: 1 });
        assert_eq!(refused(&format!("{OLD},")), KeyError::Malformed { position: 2 });
        assert_eq!(refused(&format!("{OLD},{}", OLD.to_uppercase())), KeyError::Repeated { position: 2 });
        assert_eq!(refused(&"é".repeat(32)), KeyError::Malformed { position: 1 });
        assert!(!refused("hunter2").to_string().contains("hunter2"));
    }

    #[test]
    fn a_rotated_key_still_opens_and_the_new_one_seals() {
        let old = keys(OLD).seal(PLACE, b"secret");
        let both = keys(&format!("{NEW},{OLD}"));
        assert_eq!(both.open(PLACE, &old).unwrap().as_slice(), b"secret");
        assert!(both.is_outdated(&old));
        let new = both.seal(PLACE, b"secret");
        assert!(!both.is_outdated(&new));
        assert_eq!(keys(NEW).open(PLACE, &new).unwrap().as_slice(), b"secret");
        assert!(matches!(keys(OLD).open(PLACE, &new), Err(KeyError::Unknown { known: 1, .. })));
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed_for() {
        let keys = keys(OLD);
        let sealed = keys.seal(PLACE, b"secret");
        let moved = [
            SealContext { table: "webhooks", ..PLACE },
            SealContext { column: "settings", ..PLACE },
            SealContext { row: "2", ..PLACE },
            // The same letters, cut elsewhere.
            SealContext { table: "connectionscredentials", column: "", row: "1" },
        ];
        for context in moved {
            assert_eq!(keys.open(context, &sealed).unwrap_err(), KeyError::Refused, "{context:?}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let text = format!("{:?}", keys(OLD));
        assert!(!text.contains("000102") && !text.contains("0, 1, 2"), "{text}");
    }

    proptest! {
        #[test]
        fn any_value_comes_back_and_any_flipped_bit_is_noticed(
            value in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<proptest::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let keys = keys(OLD);
            let mut sealed = keys.seal(PLACE, &value);
            prop_assert_eq!(&**keys.open(PLACE, &sealed).unwrap(), value.as_slice());
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(keys.open(PLACE, &sealed).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(keys(OLD).open(PLACE, &bytes).is_err());
        }
    }
}

//! Makes and parses bearer tokens: `rbk_`, 256 random bits, a checksum. Stored is only their SHA-256; a token
//! is shown once, when it is made.
//!
//! The checksum is no protection. It lets a mistyped or cut token be refused without asking the database, and lets
//! scanners of source code recognise a leaked one.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::{ExposeSecret, SecretString};

use super::random_bytes;
use super::seal::sha256;

/// What every token of ours begins with.
pub const PREFIX: &str = "rbk_";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256.
const RANDOM_LENGTH: usize = 43;
/// 62^6 > 2^32.
const CHECKSUM_LENGTH: usize = 6;
/// Length of a token in characters.
pub const TOKEN_LENGTH: usize = PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH;
/// The lengths in bytes that a token may have which an admin chose himself.
pub const GIVEN_LENGTHS: std::ops::RangeInclusive<usize> = 32..=512;

/// Why a token that an admin chose is not taken. Never holds the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token has {0} characters; expected 32 to 512")]
    Length(usize),
    #[error("the token may hold visible ASCII characters only, or no HTTP header could carry it")]
    Characters,
    #[error("the token begins with `rbk_` but its checksum is wrong: it was cut or mistyped")]
    Checksum,
}

/// A token in the clear, on its way to the one who asked for it.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Makes a new token.
    #[must_use]
    pub fn random() -> Self {
        let mut text = String::with_capacity(TOKEN_LENGTH);
        text.push_str(PREFIX);
        while text.len() < PREFIX.len() + RANDOM_LENGTH {
            for byte in random_bytes::<64>() {
                // Only 4 × 62 of 256 values are taken, or the first letters would be likelier than the last.
                if byte < 248 && text.len() < PREFIX.len() + RANDOM_LENGTH {
                    text.push(char::from(ALPHABET[usize::from(byte % 62)]));
                }
            }
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self(text.into())
    }

    /// Takes a token that an admin chose: 32 to 512 visible ASCII characters.
    pub fn given(text: SecretString) -> Result<Self, TokenError> {
        let raw = text.expose_secret();
        if !GIVEN_LENGTHS.contains(&raw.len()) {
            return Err(TokenError::Length(raw.chars().count()));
        }
        if !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        if raw.starts_with(PREFIX) && !has_valid_checksum(raw) {
            return Err(TokenError::Checksum);
        }
        Ok(Self(text))
    }

    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(sha256(self.0.expose_secret().as_bytes()))
    }

    /// The token itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a token: what is stored and looked up. Compared in constant time.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of what a caller presented, or `None` if it cannot be a token, so that nothing needs to be looked up.
    #[must_use]
    pub fn of_presented(raw: &str) -> Option<Self> {
        let plausible =
            if raw.starts_with(PREFIX) { has_valid_checksum(raw) } else { GIVEN_LENGTHS.contains(&raw.len()) };
        plausible.then(|| Self(sha256(raw.as_bytes())))
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

fn has_valid_checksum(raw: &str) -> bool {
    raw.len() == TOKEN_LENGTH
        && raw.is_ascii()
        && raw.split_at_checked(TOKEN_LENGTH - CHECKSUM_LENGTH).is_some_and(|(text, sum)| checksum(text) == sum)
}

fn checksum(text: &str) -> String {
    let hash = sha256(text.as_bytes());
    let mut rest = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    (0..CHECKSUM_LENGTH)
        .map(|_| {
            let letter = ALPHABET[(rest % 62) as usize];
            rest /= 62;
            char::from(letter)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_token_has_its_shape_and_is_recognised() {
        let token = Token::random();
        assert_eq!(token.reveal().len(), TOKEN_LENGTH);
        assert!(token.reveal().starts_with("rbk_"));
        assert!(token.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        assert_eq!(TokenDigest::of_presented(token.reveal()), Some(token.digest()));
        assert_ne!(token.digest(), Token::random().digest());
    }

    #[test]
    fn the_digest_is_plain_sha_256_so_that_it_can_be_checked_by_hand() {
        let token = Token::given("0123456789abcdef0123456789abcdef".to_owned().into()).unwrap();
        let expected = "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";
        assert_eq!(crate::crypto::seal::hex(token.digest().as_bytes()), expected);
    }

    #[test]
    fn a_chosen_token_is_long_and_printable() {
        let given = |text: &str| Token::given(text.to_owned().into()).map(|_| ());
        assert_eq!(given(&"x".repeat(32)), Ok(()));
        assert_eq!(given(&"x".repeat(31)), Err(TokenError::Length(31)));
        assert_eq!(given(&"x".repeat(513)), Err(TokenError::Length(513)));
        assert_eq!(given(&"x y".repeat(20)), Err(TokenError::Characters));
        assert_eq!(given(&format!("rbk_{}", "x".repeat(49))), Err(TokenError::Checksum));
        assert_eq!(given(Token::random().reveal()), Ok(()));
    }

    #[test]
    fn debug_shows_neither_token_nor_digest() {
        let token = Token::random();
        assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(…) TokenDigest(…)");
    }

    proptest! {
        #[test]
        fn a_mistyped_token_is_refused_unseen(at in 4..TOKEN_LENGTH, letter in "[0-9A-Za-z]") {
            let token = Token::random();
            let mut typed = token.reveal().to_owned();
            typed.replace_range(at..=at, &letter);
            prop_assume!(typed != token.reveal());
            prop_assert_eq!(TokenDigest::of_presented(&typed), None);
        }

        #[test]
        fn nothing_presented_makes_it_panic(text in any::<String>(), tail in "\\PC{0,60}") {
            let _ = TokenDigest::of_presented(&text);
            let _ = TokenDigest::of_presented(&format!("rbk_{tail}"));
        }
    }
}

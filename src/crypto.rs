//! All cryptography: sealing of stored credentials ([`seal`]), the key file ([`key_file`]), tokens and their digests
//! ([`token`]). One library below (aws-lc-rs), and nothing outside this room calls it.

pub mod key_file;
pub mod seal;
pub mod token;

use aws_lc_rs::rand;

/// Bytes that cannot be guessed.
///
/// # Panics
/// If the operating system has no random source: no secret could be made then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system's random source answers once the process runs");
    bytes
}

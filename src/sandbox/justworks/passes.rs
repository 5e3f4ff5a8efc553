//! Access and refresh tokens of a simulated Justworks. A token contains what it grants and a check sum of the set-up.
//! So a simulated vendor that was started again still knows the tokens that it gave before.

use super::scopes::Scopes;
use crate::sandbox::dice::Dice;

/// The purposes of [`Dice`].
const FIRST_HALF: u64 = 31;
const SECOND_HALF: u64 = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Access,
    Refresh,
}

/// What a token grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) purpose: Purpose,
    /// The consent that it comes from.
    pub(super) grant: u64,
    /// The generation: its number among the tokens of that consent.
    pub(super) generation: u32,
    pub(super) company: u32,
    pub(super) scopes: Scopes,
    /// Seconds since 1970.
    pub(super) issued: i64,
}

impl Pass {
    pub(super) fn seal(&self, key: u64) -> String {
        let kind = match self.purpose {
            Purpose::Access => "jwa",
            Purpose::Refresh => "jwr",
        };
        let Self { grant, generation, company, issued, .. } = self;
        let scopes = self.scopes.bits();
        let body = format!("{kind}_{grant:x}.{generation:x}.{company:x}.{scopes:x}.{issued:x}");
        let [first, second] = [FIRST_HALF, SECOND_HALF].map(|purpose| check_sum(&body, key, purpose));
        format!("{body}.{first:016x}{second:016x}")
    }

    /// What a token grants, if this vendor gave it.
    pub(super) fn open(token: &str, key: u64) -> Option<Self> {
        let (kind, body) = token.split_once('_')?;
        let purpose = match kind {
            "jwa" => Purpose::Access,
            "jwr" => Purpose::Refresh,
            _ => return None,
        };
        let mut words = body.split('.');
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        let pass = Self {
            purpose,
            grant: number()?,
            generation: u32::try_from(number()?).ok()?,
            company: u32::try_from(number()?).ok()?,
            scopes: Scopes::from_bits(u32::try_from(number()?).ok()?)?,
            issued: i64::try_from(number()?).ok()?,
        };
        (pass.seal(key) == token).then_some(pass)
    }
}

fn check_sum(body: &str, key: u64, purpose: u64) -> u64 {
    body.bytes().fold(key, |sum, byte| Dice::of(sum, u32::from(byte), purpose).roll())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_opens_with_its_own_key_alone_and_only_as_it_was_written(
            grant: u64, generation: u32, company: u32, bits in 0_u32..1 << 15, issued in 0_i64..i64::MAX,
            refresh: bool, key: u64, place in 0_usize..40,
        ) {
            let purpose = if refresh { Purpose::Refresh } else { Purpose::Access };
            let scopes = Scopes::from_bits(bits).unwrap();
            let pass = Pass { purpose, grant, generation, company, scopes, issued };
            let token = pass.seal(key);
            prop_assert_eq!(Pass::open(&token, key), Some(pass));
            prop_assert_eq!(Pass::open(&token, key ^ 1), None);
            let place = place % token.len();
            let mut other = token.into_bytes();
            other[place] = if other[place] == b'7' { b'8' } else { b'7' };
            prop_assert_eq!(Pass::open(&String::from_utf8(other).unwrap(), key), None);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            prop_assert_eq!(Pass::open(&text, 7), None);
        }
    }
}

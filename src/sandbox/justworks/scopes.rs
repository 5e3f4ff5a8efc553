//! The OAuth scopes: what an app may read (justworks.md section 1).

use std::fmt;

/// All scopes, in the order in which they are written.
const NAMES: [&str; 14] = [
    "company.basic:read",
    "company.detail:read",
    "member.basic:read",
    "member.detail:read",
    "member.employment:read",
    "member.dob:read",
    "member.sex:read",
    "member.tax_id:read",
    "member.pay:read",
    "company.bank_account:read",
    "payroll:read",
    "paystub:read",
    "time_off:read",
    "deductions:read",
];
/// The only one that writes, and the last.
const WRITE: &str = "deductions:write";

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes(u32);

impl Scopes {
    /// The named scopes, or the first that does not exist.
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        names.into_iter().try_fold(Self::default(), |scopes, name| {
            let place = all().position(|known| known == name).ok_or(name)?;
            Ok(Self(scopes.0 | (1 << place)))
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, &str> {
        Self::of(text.split_ascii_whitespace())
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    pub(super) fn from_bits(bits: u32) -> Option<Self> {
        (bits >> all().count() == 0).then_some(Self(bits))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `name` is granted, be it as part of a wider one.
    pub(super) fn has(self, name: &str) -> bool {
        let granted = |name: &str| all().position(|known| known == name).is_some_and(|place| self.0 >> place & 1 == 1);
        granted(name)
            || match name {
                "company.basic:read" => granted("company.detail:read"),
                "member.basic:read" => granted("member.detail:read"),
                _ => false,
            }
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        all().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, name)| name)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.names().collect::<Vec<_>>().join(" "))
    }
}

fn all() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain([WRITE])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_scope_holds_the_narrower_one_and_not_the_other_way_round() {
        let wide = Scopes::parse("member.detail:read company.detail:read").unwrap();
        assert!(wide.has("member.basic:read") && wide.has("company.basic:read") && !wide.has("member.pay:read"));
        let narrow = Scopes::parse("member.basic:read").unwrap();
        assert!(!narrow.has("member.detail:read") && !narrow.has("company.basic:read"));
    }

    #[test]
    fn scopes_are_written_as_they_were_granted_and_survive_as_bits() {
        let text = "company.basic:read member.detail:read deductions:write";
        let scopes = Scopes::parse(text).unwrap();
        assert_eq!(scopes.to_string(), text);
        assert_eq!(Scopes::from_bits(scopes.bits()), Some(scopes));
        assert_eq!(Scopes::from_bits(1 << 15), None);
        assert_eq!(Scopes::parse("member.detail:read member.all:read"), Err("member.all:read"));
    }
}

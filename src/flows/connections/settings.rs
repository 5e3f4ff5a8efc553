//! Defines the settings that every connection has, of any kind.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::directory::worker::mapping::{Include, Mapping, Rules};
use crate::flows::error::FlowError;

/// Settings that every connection has, with the defaults of design section 7.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Common {
    /// Minutes between two pulls, ± 10 %.
    pub interval_minutes: u32,
    /// IANA zone for workers without another known zone.
    pub default_timezone: Option<String>,
    /// How far apart two complete reads without a worker must be to prove the absence (law 2).
    pub absence_confirm_minutes: u32,
    /// Domains for which a vendor login counts as work email.
    pub login_email_domains: BTreeSet<String>,
    pub include: Include,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            interval_minutes: 180,
            default_timezone: None,
            absence_confirm_minutes: 30,
            login_email_domains: BTreeSet::new(),
            include: Include::default(),
        }
    }
}

/// The common settings that no connector sees. `loginEmailDomains` is not among them: a connector drops logins of other
/// domains before any other code reads them.
const OURS: [&str; 4] = ["intervalMinutes", "defaultTimezone", "absenceConfirmMinutes", "include"];

impl Common {
    /// Reads the stored settings of a connection.
    pub(crate) fn of(settings: &Value) -> Result<Self, FlowError> {
        Self::parse(settings)
    }

    /// Reads and checks the common part of an admin's settings.
    pub fn parse(settings: &Value) -> Result<Self, FlowError> {
        let Value::Object(all) = settings else {
            return Err(FlowError::invalid("settings", "expected a JSON object"));
        };
        let mut common = Self::default();
        for (name, value) in all {
            let at = format!("settings.{name}");
            match name.as_str() {
                "intervalMinutes" => common.interval_minutes = minutes(&at, value, 5, 10_080)?,
                "absenceConfirmMinutes" => common.absence_confirm_minutes = minutes(&at, value, 1, 10_080)?,
                "defaultTimezone" => common.default_timezone = zone(&at, value)?,
                "loginEmailDomains" => common.login_email_domains = domains(&at, value)?,
                "include" => common.include = include(&at, value)?,
                _ => {}
            }
        }
        Ok(common)
    }

    /// The part of the settings that is the connector's.
    #[must_use]
    pub fn connector_part(settings: &Value) -> Value {
        let own =
            |(name, value): (&String, &Value)| (!OURS.contains(&name.as_str())).then(|| (name.clone(), value.clone()));
        Value::Object(
            settings.as_object().map(|all| all.iter().filter_map(own).collect::<Map<_, _>>()).unwrap_or_default(),
        )
    }

    pub(crate) fn rules(&self, mapping: Mapping) -> Rules {
        Rules {
            mapping,
            default_timezone: self.default_timezone.clone(),
            login_email_domains: self.login_email_domains.clone(),
            include: self.include.clone(),
        }
    }
}

fn minutes(at: &str, value: &Value, least: u32, most: u32) -> Result<u32, FlowError> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| FlowError::invalid(at, format!("expected a whole number of minutes from {least} to {most}")))
}

fn zone(at: &str, value: &Value) -> Result<Option<String>, FlowError> {
    match value {
        Value::Null => Ok(None),
        Value::String(name) if name.parse::<chrono_tz::Tz>().is_ok() => Ok(Some(name.clone())),
        _ => Err(FlowError::invalid(at, "expected an IANA time zone such as `Europe/Paris`")),
    }
}

fn domains(at: &str, value: &Value) -> Result<BTreeSet<String>, FlowError> {
    let wrong = || FlowError::invalid(at, "expected a list of domain names such as `acme.com`");
    let list = value.as_array().ok_or_else(wrong)?;
    let domain = |value: &Value| {
        let ascii = idna::domain_to_ascii(value.as_str().ok_or_else(wrong)?).map_err(|_| wrong())?;
        if ascii.is_empty() || ascii.contains('@') || ascii.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        Ok(ascii)
    };
    list.iter().map(domain).collect()
}

fn include(at: &str, value: &Value) -> Result<Include, FlowError> {
    serde_json::from_value(value.clone())
        .map_err(|error| FlowError::invalid(at, format!("expected {{leavers, upcomingDays, vendors}}: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_has_the_defaults_of_the_design() {
        let common = Common::parse(&json!({ "baseUrl": "https://x.example" })).unwrap();
        assert_eq!(common, Common::default());
        assert_eq!((common.interval_minutes, common.absence_confirm_minutes), (180, 30));
        assert_eq!(common.include, Include { leavers: false, upcoming_days: 90, vendors: false });
    }

    #[test]
    fn the_connector_gets_what_is_not_common() {
        let settings = json!({ "baseUrl": "https://x.example", "intervalMinutes": 60 });
        assert_eq!(Common::connector_part(&settings), json!({ "baseUrl": "https://x.example" }));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (settings, field) in [
            (json!({ "intervalMinutes": 0 }), "settings.intervalMinutes"),
            (json!({ "intervalMinutes": "3" }), "settings.intervalMinutes"),
            (json!({ "defaultTimezone": "Mars/Base" }), "settings.defaultTimezone"),
            (json!({ "loginEmailDomains": ["a@b"] }), "settings.loginEmailDomains"),
            (json!({ "include": { "everyone": true } }), "settings.include"),
            (json!([]), "settings"),
        ] {
            match Common::parse(&settings) {
                Err(FlowError::Invalid { field: found, .. }) => assert_eq!(found, field),
                other => panic!("expected a refusal of {field}, got {other:?}"),
            }
        }
    }
}

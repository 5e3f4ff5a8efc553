//! Which time zones a country, a region or a city has. It holds facts only, from two tables of this crate:
//!
//! - `zones.tsv` (after the tz database's `zone.tab`): a country, then groups of zones that keep the same time today.
//! - `regions.tsv`: country, code, the zone (or `-` where the region has several), other zones that some of its places
//!   keep, names. A region of which only a border strip keeps another zone has one zone here.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

use crate::text::phrase;

/// The tables, read once.
pub(crate) struct Atlas {
    countries: HashMap<&'static str, Country>,
    /// By country and folded code or name.
    regions: HashMap<(&'static str, String), Region>,
}

struct Country {
    /// One zone of each group that keeps the same time.
    distinct: Vec<Tz>,
    group_of: HashMap<Tz, usize>,
    cities: HashMap<String, Tz>,
}

#[derive(Clone)]
struct Region {
    zone: Option<Tz>,
    also: Vec<Tz>,
}

static ATLAS: LazyLock<Atlas> =
    LazyLock::new(|| Atlas::read(include_str!("../../zones.tsv"), include_str!("../../regions.tsv")));

impl Atlas {
    pub(crate) fn get() -> &'static Self {
        &ATLAS
    }

    /// A line that cannot be read is left out; a test sees that there is none.
    fn read(zones: &'static str, regions: &'static str) -> Self {
        let countries =
            zones.lines().filter_map(|line| line.split_once('\t')).map(|(code, rest)| (code, country(rest)));
        let mut by_name = HashMap::new();
        for line in regions.lines() {
            let mut columns = line.split('\t');
            let (Some(country), Some(code), Some(zone), Some(also), Some(names)) =
                (columns.next(), columns.next(), columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            let also = also.split(' ').filter_map(|zone| zone.parse().ok()).collect();
            let region = Region { zone: zone.parse().ok(), also };
            for name in names.split('|').chain([code]) {
                by_name.insert((country, phrase(name)), region.clone());
            }
        }
        Self { countries: countries.collect(), regions: by_name }
    }

    /// The zones of a country, one for each time that is kept there; empty for an unknown country.
    pub(crate) fn zones_of(&self, country: &str) -> &[Tz] {
        self.countries.get(country).map_or(&[], |country| country.distinct.as_slice())
    }

    /// The zone of a place of work: a city that gave a zone its name, else a region with one zone.
    ///
    /// Cities share names, so a city counts only where its region, if known, has such a zone. A city whose zone name
    /// includes a region (`America/Indiana/Knox`) counts only with the region.
    pub(crate) fn office(&self, country: &str, region: Option<&str>, city: Option<&str>) -> Option<Tz> {
        let facts = self.countries.get_key_value(country)?;
        let region = region.and_then(|name| self.region(facts.0, name));
        let city = city.and_then(|name| facts.1.cities.get(&phrase(name)).copied()).filter(|zone| match region {
            Some(region) => region.zone.iter().chain(&region.also).any(|kept| facts.1.agree(*kept, *zone)),
            None => zone.name().split('/').count() == 2,
        });
        city.or_else(|| region.and_then(|region| region.zone))
    }

    fn region(&self, country: &'static str, name: &str) -> Option<&Region> {
        let name = phrase(name);
        self.regions.get(&(country, name.clone())).or_else(|| {
            // `US-CA` is the ISO 3166-2 code of California.
            let code = name.strip_prefix(&country.to_lowercase())?.strip_prefix(' ')?;
            self.regions.get(&(country, code.to_owned()))
        })
    }
}

impl Country {
    fn agree(&self, a: Tz, b: Tz) -> bool {
        a == b || self.group_of.get(&a).is_some_and(|group| self.group_of.get(&b) == Some(group))
    }
}

fn country(groups: &str) -> Country {
    let groups: Vec<Vec<Tz>> = groups
        .split('\t')
        .map(|group| group.split(' ').filter_map(|zone| zone.parse().ok()).collect())
        .filter(|group: &Vec<Tz>| !group.is_empty())
        .collect();
    let mut group_of = HashMap::new();
    let mut cities = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        for zone in group {
            group_of.insert(*zone, number);
            let name = zone.name();
            cities.insert(phrase(name.rsplit_once('/').map_or(name, |(_, city)| city)), *zone);
        }
    }
    Country { distinct: groups.into_iter().filter_map(|group| group.first().copied()).collect(), group_of, cities }
}

#[cfg(test)]
mod tests {
    use chrono::{Offset, TimeDelta, TimeZone, Utc};

    use super::*;

    #[test]
    fn every_zone_of_the_tables_is_known() {
        for line in include_str!("../../zones.tsv").lines() {
            for zone in line.split(['\t', ' ']).skip(1) {
                assert!(zone.parse::<Tz>().is_ok(), "{zone}");
            }
        }
        for line in include_str!("../../regions.tsv").lines() {
            let columns: Vec<_> = line.split('\t').collect();
            assert_eq!(columns.len(), 5, "{line}");
            let country = Atlas::get().countries.get(columns[0]).unwrap();
            for zone in columns[2..4].iter().flat_map(|zones| zones.split(' ')).filter(|zone| *zone != "-") {
                assert!(country.group_of.contains_key(&zone.parse::<Tz>().unwrap()), "{line}");
            }
        }
    }

    #[test]
    fn the_zones_of_one_group_keep_the_same_time() {
        let start = Utc.with_ymd_and_hms(2025, 1, 1, 0, 0, 0).unwrap();
        for line in include_str!("../../zones.tsv").lines() {
            for group in line.split('\t').skip(1) {
                let zones: Vec<Tz> = group.split(' ').map(|zone| zone.parse().unwrap()).collect();
                for week in 0..104 {
                    let at = start + TimeDelta::weeks(week);
                    let offset = |zone: &Tz| at.with_timezone(zone).offset().fix();
                    assert!(zones.iter().all(|zone| offset(zone) == offset(&zones[0])), "{group} at {at}");
                }
            }
        }
    }

    #[test]
    fn a_city_counts_only_where_its_region_has_such_a_zone() {
        let office = |country, region, city| Atlas::get().office(country, region, city).map(Tz::name);
        assert_eq!(office("US", None, Some("Los Angeles")), Some("America/Los_Angeles"));
        assert_eq!(office("US", Some("NY"), Some("Phoenix")), Some("America/New_York"));
        assert_eq!(office("US", Some("Indiana"), Some("Knox")), Some("America/Indiana/Knox"));
        assert_eq!(office("US", None, Some("Knox")), None);
        assert_eq!(office("US", Some("TX"), Some("Austin")), None);
        assert_eq!(office("AU", Some("NSW"), Some("Broken Hill")), Some("Australia/Broken_Hill"));
        assert_eq!(office("AU", Some("New South Wales"), Some("Newcastle")), Some("Australia/Sydney"));
        assert_eq!(office("BR", Some("são paulo"), None), Some("America/Sao_Paulo"));
    }

    #[test]
    fn a_region_is_found_by_name_code_and_iso_code() {
        for region in ["CA", "California", "US-CA", "us-ca", "CALIFORNIA"] {
            assert_eq!(Atlas::get().office("US", Some(region), None).map(Tz::name), Some("America/Los_Angeles"));
        }
    }
}

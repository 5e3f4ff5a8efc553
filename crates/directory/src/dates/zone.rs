//! Finds the time zone of a worker's dates (law 10), and the instants at which those days begin and end.
//!
//! The zone comes from the first of these that is known: worker → office → legal entity → country if it has one zone →
//! the connection's default → all zones of the country (design section 5, "Zones"). No HR system read today states
//! where a legal entity is, so that step finds nothing.

mod atlas;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::attribute::{Attributes, name};
use crate::person::{Person, ZoneOrigin, ZoneUsed};
use crate::worker::mapping::Rules;
use crate::worker::{Employment, Worker};
use atlas::Atlas;

/// Where days begin and end for one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    extent: Extent,
    origin: ZoneOrigin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    One(Tz),
    /// All zones of a country: days begin at the easternmost and end at the westernmost. Never empty.
    Range(&'static [Tz]),
}

impl Zone {
    /// The zone of a worker, by the best fact there is. Unknown zone names are ignored.
    #[must_use]
    pub fn of(worker: &Worker, rules: &Rules) -> Self {
        let attributes = &worker.attributes;
        let one = |zone, origin| Self { extent: Extent::One(zone), origin };
        if let Some(zone) = text(attributes, name::TIMEZONE).and_then(parse) {
            return one(zone, ZoneOrigin::Worker);
        }
        let home = text(attributes, name::COUNTRY);
        let office = text(attributes, name::WORK_ADDRESS_COUNTRY).or(home).and_then(|country| {
            let region = text(attributes, name::WORK_REGION);
            Atlas::get().office(&country.to_uppercase(), region, text(attributes, name::WORK_LOCALITY))
        });
        if let Some(zone) = office {
            return one(zone, ZoneOrigin::Office);
        }
        let country = home.or(text(attributes, name::WORK_ADDRESS_COUNTRY)).map(str::to_uppercase);
        let zones = country.map_or(&[][..], |country| Atlas::get().zones_of(&country));
        if let [zone] = zones {
            return one(*zone, ZoneOrigin::Country);
        }
        if let Some(zone) = rules.default_timezone.as_deref().and_then(parse) {
            return one(zone, ZoneOrigin::ConnectionDefault);
        }
        if zones.is_empty() {
            return one(Tz::UTC, ZoneOrigin::Utc);
        }
        Self { extent: Extent::Range(zones), origin: ZoneOrigin::CountryRange }
    }

    /// The zone in which a person's dates were read, from what is stored with the person.
    #[must_use]
    pub fn of_person(person: &Person) -> Self {
        let origin = person.zone.origin;
        if origin == ZoneOrigin::CountryRange {
            let attributes = &person.attributes;
            let country = text(attributes, name::COUNTRY).or(text(attributes, name::WORK_ADDRESS_COUNTRY));
            let zones = country.map_or(&[][..], |country| Atlas::get().zones_of(&country.to_uppercase()));
            if !zones.is_empty() {
                return Self { extent: Extent::Range(zones), origin };
            }
        }
        Self { extent: Extent::One(parse(&person.zone.zone).unwrap_or(Tz::UTC)), origin }
    }

    /// The first instant of a day; of several zones the earliest.
    ///
    /// Where clocks skip midnight the day begins with its first instant after the gap; where midnight comes twice, with
    /// the first one.
    #[must_use]
    pub fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        self.zones().iter().map(|zone| day_begins(*zone, date)).min().unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// The first instant at which a day is over; of several zones the latest.
    ///
    /// Where clocks are put back across midnight the day comes back once more: it is over when it does not come again,
    /// so that no person loses access on the last day.
    #[must_use]
    pub fn end_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        self.zones().iter().map(|zone| day_ends(*zone, date)).max().unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// What to store of the zone: its name (of several the one that decides on the end if there is one, else on the
    /// start), and where it comes from.
    #[must_use]
    pub fn used(&self, employment: &Employment) -> ZoneUsed {
        let zone = match (self.extent, employment.last_day, employment.start) {
            (Extent::One(zone), ..) => Some(zone),
            (Extent::Range(zones), Some(day), _) => zones.iter().copied().max_by_key(|zone| day_ends(*zone, day)),
            (Extent::Range(zones), None, day) => {
                let day = day.unwrap_or_default();
                zones.iter().copied().min_by_key(|zone| day_begins(*zone, day))
            }
        };
        ZoneUsed { zone: zone.unwrap_or(Tz::UTC).name().to_owned(), origin: self.origin }
    }

    fn zones(&self) -> &[Tz] {
        match &self.extent {
            Extent::One(zone) => std::slice::from_ref(zone),
            Extent::Range(zones) => zones,
        }
    }
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn parse(zone: &str) -> Option<Tz> {
    zone.trim().parse().ok()
}

fn day_begins(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let midnight = midnight(date);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) => at.to_utc(),
        LocalResult::Ambiguous(first, _) => first.to_utc(),
        LocalResult::None => after_gap(zone, midnight),
    }
}

fn day_ends(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let date = bounded(date);
    let midnight = midnight(date.succ_opt().unwrap_or(date));
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) => at.to_utc(),
        LocalResult::Ambiguous(first, second) => {
            let before = second - TimeDelta::seconds(1);
            if before.date_naive() <= date { second.to_utc() } else { first.to_utc() }
        }
        LocalResult::None => after_gap(zone, midnight),
    }
}

/// The first instant whose local time is past one that the clocks skip: whole days were skipped too (Samoa,
/// 2011-12-30).
fn after_gap(zone: Tz, skipped: NaiveDateTime) -> DateTime<Utc> {
    let local = |seconds: i64| (skipped + TimeDelta::seconds(seconds)).and_utc().with_timezone(&zone).naive_local();
    let (mut before, mut after) = (-2 * 86_400_i64, 2 * 86_400_i64);
    while after - before > 1 {
        let middle = before.midpoint(after);
        if local(middle) < skipped {
            before = middle;
        } else {
            after = middle;
        }
    }
    (skipped + TimeDelta::seconds(after)).and_utc()
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    bounded(date).and_time(NaiveTime::MIN)
}

/// Dates beyond any calendar of people are moved to its edges, so that adding an offset cannot overflow.
fn bounded(date: NaiveDate) -> NaiveDate {
    let edge = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    date.clamp(edge(1, 1, 2), edge(9999, 12, 30))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::SourceId;

    fn worker(attributes: &[(&str, &str)]) -> Worker {
        Worker {
            source_id: SourceId("1".into()),
            work_email: None,
            login_email: None,
            full_name: None,
            birth_date: None,
            employment: Employment::default(),
            manager: None,
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Worker::default()
        }
    }

    fn zone(attributes: &[(&str, &str)]) -> Zone {
        Zone::of(&worker(attributes), &Rules::default())
    }

    fn used(attributes: &[(&str, &str)]) -> (String, ZoneOrigin) {
        let used = zone(attributes).used(&Employment::default());
        (used.zone, used.origin)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn one(name: &str) -> Zone {
        zone(&[(name::TIMEZONE, name)])
    }

    #[test]
    fn a_day_in_sydney_starts_before_it_does_in_utc() {
        for place in [
            [(name::COUNTRY, "AU"), (name::WORK_REGION, "NSW")],
            [(name::COUNTRY, "AU"), (name::WORK_LOCALITY, "Sydney")],
        ] {
            let sydney = zone(&place);
            assert_eq!(sydney.start_of_day(day("2026-12-01")), at("2026-11-30T13:00:00Z"));
            assert_eq!(used(&place), ("Australia/Sydney".to_owned(), ZoneOrigin::Office));
        }
    }

    #[test]
    fn last_days_end_with_the_local_day() {
        let los_angeles = zone(&[(name::COUNTRY, "US"), (name::WORK_LOCALITY, "Los Angeles")]);
        assert_eq!(los_angeles.end_of_day(day("2026-12-04")), at("2026-12-05T08:00:00Z"));
        assert_eq!(zone(&[(name::COUNTRY, "FR")]).end_of_day(day("2026-11-18")), at("2026-11-18T23:00:00Z"));
    }

    #[test]
    fn the_best_known_fact_decides() {
        let office = [(name::COUNTRY, "US"), (name::WORK_REGION, "California")];
        assert_eq!(used(&[(name::TIMEZONE, "Europe/Paris"), office[0], office[1]]).1, ZoneOrigin::Worker);
        assert_eq!(used(&[(name::TIMEZONE, "Mars/Olympus"), office[0], office[1]]).1, ZoneOrigin::Office);
        assert_eq!(used(&[(name::COUNTRY, "de")]), ("Europe/Berlin".to_owned(), ZoneOrigin::Country));
        assert_eq!(used(&[(name::COUNTRY, "US")]).1, ZoneOrigin::CountryRange);
        assert_eq!(used(&[(name::COUNTRY, "??")]), ("UTC".to_owned(), ZoneOrigin::Utc));
        let rules = Rules { default_timezone: Some("America/Denver".into()), ..Rules::default() };
        assert_eq!(Zone::of(&worker(&[(name::COUNTRY, "US")]), &rules).origin, ZoneOrigin::ConnectionDefault);
        assert_eq!(Zone::of(&worker(&[(name::COUNTRY, "FR")]), &rules).origin, ZoneOrigin::Country);
        assert_eq!(Zone::of(&worker(&[]), &rules).origin, ZoneOrigin::ConnectionDefault);
    }

    #[test]
    fn a_country_with_several_zones_starts_in_the_east_and_ends_in_the_west() {
        let us = zone(&[(name::COUNTRY, "US")]);
        assert_eq!(us.start_of_day(day("2026-12-01")), at("2026-12-01T05:00:00Z"));
        assert_eq!(us.end_of_day(day("2026-12-04")), at("2026-12-05T10:00:00Z"));
        let leaver = Employment { last_day: Some(day("2026-07-01")), ..Employment::default() };
        assert_eq!(us.used(&leaver).zone, "Pacific/Honolulu");
        assert_eq!(us.used(&Employment::default()).zone, "America/New_York");
    }

    #[test]
    fn a_midnight_that_does_not_exist_is_the_first_instant_after_the_gap() {
        // Chile puts its clocks forward at midnight; Samoa skipped a whole day.
        assert_eq!(one("America/Santiago").start_of_day(day("2026-09-06")), at("2026-09-06T04:00:00Z"));
        assert_eq!(one("Pacific/Apia").start_of_day(day("2011-12-30")), at("2011-12-30T10:00:00Z"));
        assert_eq!(one("Pacific/Apia").start_of_day(day("2011-12-31")), at("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn a_midnight_that_comes_twice_starts_early_and_ends_only_when_the_day_is_really_over() {
        // St John's put its clocks back from 00:01 to 23:01: the sixth came back for 59 minutes.
        let st_johns = one("America/St_Johns");
        assert_eq!(st_johns.start_of_day(day("2010-11-07")), at("2010-11-07T02:30:00Z"));
        assert_eq!(st_johns.end_of_day(day("2010-11-06")), at("2010-11-07T03:30:00Z"));
        // Havana puts them back from 01:00 to 00:00: the day before does not come back.
        let havana = one("America/Havana");
        assert_eq!(havana.start_of_day(day("2026-11-01")), at("2026-11-01T04:00:00Z"));
        assert_eq!(havana.end_of_day(day("2026-10-31")), at("2026-11-01T04:00:00Z"));
    }

    #[test]
    fn dates_at_the_edge_of_the_calendar_do_no_harm() {
        for zone in [one("Pacific/Kiritimati"), one("Pacific/Niue"), zone(&[(name::COUNTRY, "US")])] {
            assert!(zone.start_of_day(NaiveDate::MAX) <= zone.end_of_day(NaiveDate::MAX));
            assert!(zone.start_of_day(NaiveDate::MIN) < zone.end_of_day(NaiveDate::MIN));
        }
    }

    proptest! {
        #[test]
        fn days_follow_one_another_in_every_zone(index in 0..chrono_tz::TZ_VARIANTS.len(), days in 0..40_000_u64) {
            let zone = Zone { extent: Extent::One(chrono_tz::TZ_VARIANTS[index]), origin: ZoneOrigin::Worker };
            let date = NaiveDate::default() + chrono::Days::new(days);
            let next = date + chrono::Days::new(1);
            prop_assert!(zone.start_of_day(date) <= zone.start_of_day(next));
            prop_assert!(zone.start_of_day(next) <= zone.end_of_day(date));
            prop_assert!(zone.end_of_day(date) - zone.start_of_day(next) <= TimeDelta::hours(2));
            prop_assert!(zone.start_of_day(date) < zone.end_of_day(next));
        }
    }
}

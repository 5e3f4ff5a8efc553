//! How the provenance of a person's units is stored: units that came together share an entry, since one record supplies
//! a dozen at once.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Provenance;
use crate::attribute::Unit;
use crate::ids::{ConnectionId, RunId, SourceId};

/// The units of one origin.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    units: Vec<Unit>,
    connection: ConnectionId,
    source_id: SourceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    since: DateTime<Utc>,
}

pub(super) fn serialize<S: Serializer>(all: &BTreeMap<Unit, Provenance>, out: S) -> Result<S::Ok, S::Error> {
    let mut groups: Vec<Group> = Vec::new();
    for (unit, origin) in all {
        let known = groups.iter_mut().find(|group| {
            group.since == origin.since
                && group.run == origin.run
                && group.source_id == origin.source_id
                && group.connection == origin.connection
        });
        match known {
            Some(group) => group.units.push(unit.clone()),
            None => groups.push(Group {
                units: vec![unit.clone()],
                connection: origin.connection,
                source_id: origin.source_id.clone(),
                run: origin.run,
                since: origin.since,
            }),
        }
    }
    groups.serialize(out)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<Unit, Provenance>, D::Error> {
    input.deserialize_seq(Stored)
}

/// A list of groups.
struct Stored;

impl<'de> Visitor<'de> for Stored {
    type Value = BTreeMap<Unit, Provenance>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the origins of units")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut groups: A) -> Result<Self::Value, A::Error> {
        let mut all = BTreeMap::new();
        while let Some(group) = groups.next_element::<Group>()? {
            let Group { units, connection, source_id, run, since } = group;
            let origin = Provenance { connection, source_id, run, since };
            all.extend(units.into_iter().map(|unit| (unit, origin.clone())));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        provenance: BTreeMap<Unit, Provenance>,
    }

    fn origin(source: &str) -> Provenance {
        Provenance {
            connection: ConnectionId(Uuid::nil()),
            source_id: SourceId(source.to_owned()),
            run: Some(RunId(Uuid::nil())),
            since: "2026-11-20T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn units_that_came_together_are_stored_together_and_read_back_as_they_were() {
        let provenance = BTreeMap::from([
            (Unit::named(Unit::NAME), origin("1")),
            (Unit::named(Unit::STATUS), origin("2")),
            (Unit::named(Unit::TYPE), origin("1")),
        ]);
        let holder = Holder { provenance };
        let stored = serde_json::to_value(&holder).unwrap();
        assert_eq!(stored["provenance"].as_array().unwrap().len(), 2);
        assert_eq!(stored["provenance"][0]["units"], json!(["name", "type"]));
        assert_eq!(serde_json::from_value::<Holder>(stored).unwrap(), holder);
    }
}

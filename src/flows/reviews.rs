//! Records an admin's answer to a review item: what a value of the HR system means, or that the answer is on its way.
//! All else is answered at its source: the HR system states something else, and the item closes by itself.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit::{Actor, record};
use super::connections::mapping;
use super::connections::mapping::Mapped;
use super::context::Context;
use super::error::FlowError;
use super::runs::queue::Asked;
use crate::directory::worker::mapping::Mapping;
use crate::store;

/// What an admin decides about a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The value in question means this.
    Map { to: String },
    /// The answer is on its way: the question is not shown as open for so many days.
    Wait { days: u16 },
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// This run applies the new meaning to the workers that are known, without a new pull.
    Run(Asked),
    Waits {
        until: DateTime<Utc>,
    },
}

/// Resolves a question. A question that is closed, or of another kind than the decision, is a conflict.
pub async fn resolve(context: &Context, id: Uuid, decision: Decision, actor: &Actor) -> Result<Resolved, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let review =
        store::runs::reviews::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("review item", id))?;
    if review.closed_at.is_some() {
        return Err(FlowError::Conflict("the question is closed already".into()));
    }
    match decision {
        Decision::Wait { days } => {
            let until = now + TimeDelta::days(days.into());
            conn.transaction(async |conn| {
                store::runs::reviews::wait(conn, id, until, &actor.token_name).await?;
                let detail = json!({ "decision": "wait", "until": until });
                record(context, conn, actor, "review.resolve", &format!("review {id}"), detail).await
            })
            .await?;
            Ok(Resolved::Waits { until })
        }
        Decision::Map { to } => {
            let word = review.detail.get("word").and_then(Value::as_str);
            let (Some(connection), Some(word)) = (review.connection_id, word) else {
                return Err(FlowError::Conflict(format!(
                    "the question `{}` is about no word that could be mapped; answer it in the HR system, or let it wait",
                    review.reason
                )));
            };
            let known = store::connections::find(&mut conn, connection).await?.map(|connection| connection.mapping);
            drop(conn);
            let mut map = Mapping::deserialize(known.unwrap_or_default())
                .map_err(|error| FlowError::corrupt("mapping", &error))?;
            teach(&mut map, &review.reason, word, &to)?;
            match mapping::put(context, connection, map, false, actor).await? {
                Mapped::Run(asked) => {
                    let mut conn = context.db.get().await?;
                    store::runs::reviews::decided(&mut conn, id, &format!("map to {to}"), &actor.token_name).await?;
                    Ok(Resolved::Run(asked))
                }
                Mapped::Preview { .. } => Err(FlowError::Internal("a change of the mapping became a preview".into())),
            }
        }
    }
}

/// Adds the meaning of one value.
fn teach(map: &mut Mapping, reason: &str, word: &str, to: &str) -> Result<(), FlowError> {
    let unknown = |error: serde_json::Error| FlowError::invalid("to", error.to_string());
    match reason {
        "unmappedWorkerType" => {
            let kind = serde_json::from_value(json!(to)).map_err(unknown)?;
            map.worker_types.insert(word.to_owned(), kind);
        }
        "unmappedStatus" => {
            let class = serde_json::from_value(json!(to)).map_err(unknown)?;
            map.statuses.insert(word.to_owned(), class);
        }
        other => {
            return Err(FlowError::Conflict(format!(
                "the question `{other}` is not answered by a mapping; answer it in the HR system, or let it wait"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::worker::mapping::{EmploymentType, StatusClass};

    #[test]
    fn a_word_gets_the_meaning_that_was_decided() {
        let mut map = Mapping::default();
        teach(&mut map, "unmappedWorkerType", "Intern", "Intern").unwrap();
        teach(&mut map, "unmappedStatus", "sabbatical", "OnLeave").unwrap();
        assert_eq!(map.worker_types["Intern"], EmploymentType::Intern);
        assert_eq!(map.statuses["sabbatical"], StatusClass::OnLeave);
        let refused = teach(&mut map, "unmappedWorkerType", "Intern", "Wizard").unwrap_err();
        assert!(
            matches!(&refused, FlowError::Invalid { field, problem } if field == "to" && problem.contains("Employee"))
        );
        assert!(matches!(teach(&mut map, "missingWorkEmail", "x", "y"), Err(FlowError::Conflict(_))));
    }
}

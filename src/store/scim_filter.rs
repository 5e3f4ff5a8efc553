//! A checked SCIM filter as a condition on `people`. Values are bound, never spliced.
//!
//! For now: `eq`, joined by `and` and `or`, on what is indexed. Everything else of the grammar is refused by name, so
//! that nobody takes an ignored filter for an answer.

use std::collections::BTreeMap;

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::groups::{column, kinds_of};
use crate::directory::email::EmailKey;
use crate::directory::groups::Kind;
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Operand, Predicate};

/// A condition on a row of `people`, as a diesel expression for whatever query has that table in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// The user name, and with it the work email, compared by its key.
    UserName(EmailKey),
    Id(Uuid),
    /// The source id of the primary employment.
    SourceWorkerId(String),
    Active(bool),
    /// Somebody in this group, which is of the kind once [`Condition::settle`] has found out which.
    Group(Uuid, Option<Kind>),
    /// True of nobody: the value cannot be anybody's.
    Nobody,
}

/// Why a filter cannot be answered yet: 400 `invalidFilter`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAvailable {
    #[error("the operator `{0}` is not available yet: filters are made of `eq`, joined by `and` and `or`")]
    Operator(&'static str),
    #[error(
        "the attribute `{0}` cannot be filtered by yet: available are userName, emails, emails.value, externalId, id, \
         active, groups and groups.value"
    )]
    Attribute(String),
    #[error(
        "what stands in the brackets after `{0}` is not available yet: available is `emails[type eq \"work\"].value`"
    )]
    Brackets(String),
    /// Of groups: the attribute, and what there is.
    #[error("the attribute `{0}` cannot be filtered by yet: available are {1}")]
    GroupAttribute(String, &'static str),
    #[error("what stands in the brackets is not available yet: available is `members[value eq \"…\"]`")]
    MemberBrackets,
}

/// What the answer to a filter depends on besides the filter.
#[derive(Clone, Copy, Debug)]
pub struct Viewpoint {
    /// Whether the consumer sees the worker's source id as `externalId`. Else nobody has one.
    pub external_id_from_source: bool,
}

impl Condition {
    /// The condition of a checked filter.
    pub fn of(filter: &Checked, viewpoint: Viewpoint) -> Result<Self, NotAvailable> {
        let all = |operands: &[Checked]| -> Result<Vec<Self>, NotAvailable> {
            operands.iter().map(|operand| Self::of(operand, viewpoint)).collect()
        };
        match filter {
            Checked::And(operands) => Ok(Self::All(all(operands)?)),
            Checked::Or(operands) => Ok(Self::Any(all(operands)?)),
            Checked::Not(_) => Err(NotAvailable::Operator("not")),
            Checked::Test(leaf) => Self::of_leaf(leaf, viewpoint),
            Checked::Element { target, filter, then: Some(then) }
                if target.to_string() == "emails" && is_work_type(filter) =>
            {
                // Everybody's one email is of type work.
                Self::of_leaf(then, viewpoint)
            }
            Checked::Element { target, .. } => Err(NotAvailable::Brackets(target.to_string())),
        }
    }

    fn of_leaf(leaf: &Leaf, viewpoint: Viewpoint) -> Result<Self, NotAvailable> {
        let path = leaf.target.to_string();
        let operand = match &leaf.predicate {
            Predicate::Compare(Operator::Eq, operand) => operand,
            Predicate::Compare(operator, _) => return Err(NotAvailable::Operator(operator.keyword())),
            Predicate::Present => return Err(NotAvailable::Operator("pr")),
            Predicate::Absent => return Err(NotAvailable::Operator("eq null")),
        };
        match (path.as_str(), operand) {
            ("userName" | "emails.value", Operand::Text { text, .. }) => Ok(Self::UserName(EmailKey::of(text))),
            ("id", Operand::Text { text, .. }) => Ok(id(text).map_or(Self::Nobody, Self::Id)),
            ("externalId", Operand::Text { text, .. }) if viewpoint.external_id_from_source && !has_nul(text) => {
                Ok(Self::SourceWorkerId(text.clone()))
            }
            ("externalId", Operand::Text { .. }) => Ok(Self::Nobody),
            ("active", Operand::Boolean(active)) => Ok(Self::Active(*active)),
            ("groups.value", Operand::Text { text, .. }) => {
                Ok(id(text).map_or(Self::Nobody, |group| Self::Group(group, None)))
            }
            _ => Err(NotAvailable::Attribute(path)),
        }
        .map(Self::without_nul)
    }

    /// Postgres takes no NUL in a text, and nobody's value has one.
    fn without_nul(self) -> Self {
        match self {
            Self::UserName(key) if has_nul(key.as_str()) => Self::Nobody,
            other => other,
        }
    }

    /// Whether only a handful of people can satisfy it, whatever the number of people: each way to satisfy it names a
    /// user name, an id or a source id.
    #[must_use]
    pub fn is_selective(&self) -> bool {
        match self {
            Self::All(operands) => operands.iter().any(Self::is_selective),
            Self::Any(operands) => operands.iter().all(Self::is_selective),
            Self::UserName(_) | Self::Id(_) | Self::SourceWorkerId(_) | Self::Nobody => true,
            Self::Active(_) | Self::Group(..) => false,
        }
    }

    /// Finds out of which kinds the groups in it are; one that does not exist has nobody in it. A condition with groups
    /// has to be settled before it is asked, so that the index of the kind can be used.
    pub async fn settle(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        let mut groups = Vec::new();
        self.each_group(&mut |group, _| groups.push(group));
        if groups.is_empty() {
            return Ok(());
        }
        let kinds: BTreeMap<Uuid, Kind> = kinds_of(conn, &groups).await?.into_iter().collect();
        self.each_group(&mut |group, kind| *kind = kinds.get(&group).copied());
        Ok(())
    }

    fn each_group(&mut self, see: &mut impl FnMut(Uuid, &mut Option<Kind>)) {
        match self {
            Self::All(operands) | Self::Any(operands) => {
                for operand in operands {
                    operand.each_group(see);
                }
            }
            Self::Group(group, kind) => see(*group, kind),
            _ => {}
        }
    }

    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::All(operands) => join(operands, " AND ", out)?,
            Self::Any(operands) => join(operands, " OR ", out)?,
            Self::UserName(key) => {
                out.push_sql("\"people\".\"user_name_key\" = ");
                out.push_bind_param::<Text, _>(key.as_str())?;
            }
            Self::Id(id) => {
                out.push_sql("\"people\".\"id\" = ");
                out.push_bind_param::<SqlUuid, _>(id)?;
            }
            Self::SourceWorkerId(id) => {
                out.push_sql("\"people\".\"source_worker_id\" = ");
                out.push_bind_param::<Text, _>(id)?;
            }
            // Not bound: the planner has to see which of the two it is, to find the index of inactive people.
            Self::Active(true) => out.push_sql("\"people\".\"active\""),
            Self::Active(false) => out.push_sql("NOT \"people\".\"active\""),
            Self::Group(group, Some(kind)) => {
                out.push_sql("\"people\".\"");
                out.push_sql(column(*kind));
                out.push_sql("\" = ");
                out.push_bind_param::<SqlUuid, _>(group)?;
            }
            Self::Group(_, None) | Self::Nobody => out.push_sql("FALSE"),
        }
        Ok(())
    }
}

fn join<'b>(operands: &'b [Condition], word: &str, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_sql("(");
    for (n, operand) in operands.iter().enumerate() {
        if n > 0 {
            out.push_sql(word);
        }
        operand.push(out)?;
    }
    out.push_sql(")");
    Ok(())
}

/// `type eq "work"`, the only type that a person's email has.
fn is_work_type(filter: &Checked) -> bool {
    matches!(
        filter,
        Checked::Test(Leaf { target, predicate: Predicate::Compare(Operator::Eq, Operand::Text { key, .. }) })
            if target.to_string() == "emails.type" && key == "work"
    )
}

/// An id is compared exactly: hyphenated lower-case hexadecimal, as it is issued.
pub(super) fn id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

impl Expression for Condition {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for Condition {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.push(&mut out)
    }
}

/// The statement depends on the condition's shape: it is cached by its text.
impl QueryId for Condition {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for Condition {}
impl<QS> SelectableExpression<QS> for Condition {}

impl<GB> ValidGrouping<GB> for Condition {
    type IsAggregate = is_aggregate::No;
}

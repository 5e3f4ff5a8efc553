//! A checked SCIM filter as a condition on groups. Values are bound, never spliced. As deep as the one on people
//! ([`scim_filter`](super::scim_filter)) is: `eq`, joined by `and` and `or`, on what is indexed.

use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text, Uuid as SqlUuid};
use uuid::Uuid;

use super::groups::MEMBERSHIPS;
use super::scim_filter::{NotAvailable, id};
use crate::directory::groups::Kind;
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Operand, Predicate};

/// A condition on a group, whose row is called `g`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupCondition {
    All(Vec<GroupCondition>),
    Any(Vec<GroupCondition>),
    Id(Uuid),
    /// The display name as a key: without regard to case.
    DisplayName(String),
    Kind(Kind),
    /// This person is in it.
    Member(Uuid),
    /// True of no group: the value cannot be any group's.
    Nothing,
}

/// What can be filtered by, as refusals name it.
const AVAILABLE: &str = "displayName, externalId, id, members, members.value and kind";

impl GroupCondition {
    /// The condition of a checked filter.
    pub fn of(filter: &Checked) -> Result<Self, NotAvailable> {
        let all = |operands: &[Checked]| -> Result<Vec<Self>, NotAvailable> { operands.iter().map(Self::of).collect() };
        match filter {
            Checked::And(operands) => Ok(Self::All(all(operands)?)),
            Checked::Or(operands) => Ok(Self::Any(all(operands)?)),
            Checked::Not(_) => Err(NotAvailable::Operator("not")),
            Checked::Test(leaf) => Self::of_leaf(leaf),
            // `members[value eq "…"]`: a person is in a group once.
            Checked::Element { target, filter, then: None } if target.to_string() == "members" => match filter.as_ref()
            {
                Checked::Test(leaf) => Self::of_leaf(leaf),
                _ => Err(NotAvailable::MemberBrackets),
            },
            Checked::Element { .. } => Err(NotAvailable::MemberBrackets),
        }
    }

    fn of_leaf(leaf: &Leaf) -> Result<Self, NotAvailable> {
        let path = leaf.target.to_string();
        let Predicate::Compare(operator, operand) = &leaf.predicate else {
            return Err(NotAvailable::Operator(if leaf.predicate == Predicate::Present { "pr" } else { "eq null" }));
        };
        if *operator != Operator::Eq {
            return Err(NotAvailable::Operator(operator.keyword()));
        }
        let Operand::Text { text, key, .. } = operand else {
            return Err(NotAvailable::GroupAttribute(path, AVAILABLE));
        };
        match path.as_str() {
            "displayName" if !key.contains('\0') => Ok(Self::DisplayName(key.clone())),
            "id" => Ok(id(text).map_or(Self::Nothing, Self::Id)),
            "members.value" => Ok(id(text).map_or(Self::Nothing, Self::Member)),
            // Nobody has given a group one yet; and no name holds NUL.
            "externalId" | "displayName" => Ok(Self::Nothing),
            _ if leaf.target.is_in_extension() && leaf.target.attribute.name == "kind" => {
                Ok(Kind::parse(text).map_or(Self::Nothing, Self::Kind))
            }
            _ => Err(NotAvailable::GroupAttribute(path, AVAILABLE)),
        }
    }

    pub(super) fn push(&self, statement: Statement) -> Statement {
        match self {
            Self::All(operands) => join(operands, " AND ", statement),
            Self::Any(operands) => join(operands, " OR ", statement),
            Self::Id(id) => statement.sql("g.id = ").bind::<SqlUuid, _>(*id),
            Self::DisplayName(key) => statement.sql("g.display_name_key = ").bind::<Text, _>(key.clone()),
            Self::Kind(kind) => statement.sql("g.kind = ").bind::<Text, _>(kind.as_str()),
            Self::Member(person) => statement
                .sql(&format!("g.id IN (SELECT unnest({MEMBERSHIPS}) FROM people WHERE people.id = "))
                .bind::<SqlUuid, _>(*person)
                .sql(")"),
            Self::Nothing => statement.sql("FALSE"),
        }
    }
}

fn join(operands: &[GroupCondition], word: &str, mut statement: Statement) -> Statement {
    statement = statement.sql("(");
    for (n, operand) in operands.iter().enumerate() {
        if n > 0 {
            statement = statement.sql(word);
        }
        statement = operand.push(statement);
    }
    statement.sql(")")
}

/// A statement that is put together piece by piece.
pub(super) struct Statement {
    pub(super) query: BoxedSqlQuery<'static, Pg, SqlQuery>,
    binds: usize,
}

impl Statement {
    pub(super) fn new(sql: &str) -> Self {
        Self { query: diesel::sql_query(sql).into_boxed(), binds: 0 }
    }

    pub(super) fn sql(self, sql: &str) -> Self {
        Self { query: self.query.sql(sql), ..self }
    }

    /// Appends a value.
    pub(super) fn bind<T, V>(self, value: V) -> Self
    where
        Pg: HasSqlType<T>,
        V: ToSql<T, Pg> + Send + 'static,
        T: Send + 'static,
    {
        let binds = self.binds + 1;
        Self { query: self.query.sql(format!("${binds}")).bind::<T, V>(value), binds }
    }
}

//! Pages of people and groups, by index and by cursor.

pub(crate) mod filtered;
pub mod groups;
pub(crate) mod index;
pub mod mixed;
pub mod people;
pub(crate) mod people_list;
pub(crate) mod resume;
pub(crate) mod sorted;
pub mod types;

//! Answers of the admin API: a status and the type of its body. The description is generated from the same types.

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::api::Page;
use crate::http::error::Problem;

/// Where the admin API begins.
pub const BASE: &str = "/api/v1";

/// The result of a handler.
pub(super) type Answer<A> = Result<A, Problem>;

/// 200 with a body.
#[derive(Debug)]
pub(super) struct Found<T>(pub(super) T);

/// 200 with a page of a list.
#[derive(Debug)]
pub(super) struct Listed<T>(pub(super) Page<T>);

impl<T> Listed<T> {
    /// A list that is one page.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self(Page { items, next_cursor: None })
    }
}

/// 201 with the new thing, and its path below the root of the API.
#[derive(Debug)]
pub(super) struct Created<T> {
    pub(super) path: String,
    pub(super) body: T,
}

/// 202 with a body: the requested work continues.
#[derive(Debug)]
pub(super) struct Accepted<T>(pub(super) T);

/// 204: the resource was removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Removed;

/// 200 with a text that is not the JSON of a type; its content in the description is written by hand.
#[derive(Debug)]
pub(super) struct Text(pub(super) HttpResponse);

/// One of two answers.
#[derive(Debug)]
pub(super) enum Either<A, B> {
    First(A),
    Second(B),
}

/// A body of an answer in the description, by the name of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One(String),
    PageOf(String),
}

/// The bodies that an operation answers, by status; several of one status are alternatives.
pub(super) type Shapes = BTreeMap<u16, Vec<Shape>>;

/// The schemas of the description, by name.
#[derive(Debug, Default)]
pub(super) struct Schemas(pub(super) Map<String, Value>);

impl Schemas {
    /// Adds the schema of a type and those that it refers to; returns its name.
    pub(super) fn add<T: ToSchema>(&mut self) -> String {
        let name = T::name().into_owned();
        let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut all);
        all.push((name.clone(), T::schema()));
        for (name, schema) in all {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            self.0.entry(name).or_insert(schema);
        }
        name
    }
}

/// An answer that the description knows by its type.
pub(super) trait Described {
    fn shapes(schemas: &mut Schemas) -> Shapes;
}

impl<T: ToSchema> Described for Found<T> {
    fn shapes(schemas: &mut Schemas) -> Shapes {
        Shapes::from([(200, vec![Shape::One(schemas.add::<T>())])])
    }
}

impl<T: ToSchema> Described for Listed<T> {
    fn shapes(schemas: &mut Schemas) -> Shapes {
        Shapes::from([(200, vec![Shape::PageOf(schemas.add::<T>())])])
    }
}

impl<T: ToSchema> Described for Created<T> {
    fn shapes(schemas: &mut Schemas) -> Shapes {
        Shapes::from([(201, vec![Shape::One(schemas.add::<T>())])])
    }
}

impl<T: ToSchema> Described for Accepted<T> {
    fn shapes(schemas: &mut Schemas) -> Shapes {
        Shapes::from([(202, vec![Shape::One(schemas.add::<T>())])])
    }
}

impl Described for Removed {
    fn shapes(_: &mut Schemas) -> Shapes {
        Shapes::from([(204, Vec::new())])
    }
}

impl Described for Text {
    fn shapes(_: &mut Schemas) -> Shapes {
        Shapes::from([(200, Vec::new())])
    }
}

impl<A: Described, B: Described> Described for Either<A, B> {
    fn shapes(schemas: &mut Schemas) -> Shapes {
        let mut all = A::shapes(schemas);
        for (status, bodies) in B::shapes(schemas) {
            let known = all.entry(status).or_default();
            known.extend(bodies.into_iter().filter(|body| !known.contains(body)).collect::<Vec<_>>());
        }
        all
    }
}

impl<T: Serialize> Responder for Found<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

impl<T: Serialize> Responder for Listed<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Created().insert_header((LOCATION, format!("{BASE}{}", self.path))).json(self.body)
    }
}

impl<T: Serialize> Responder for Accepted<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Accepted().json(self.0)
    }
}

impl Responder for Removed {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Responder for Text {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl<A: Responder<Body = BoxBody>, B: Responder<Body = BoxBody>> Responder for Either<A, B> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        match self {
            Self::First(answer) => answer.respond_to(request),
            Self::Second(answer) => answer.respond_to(request),
        }
    }
}

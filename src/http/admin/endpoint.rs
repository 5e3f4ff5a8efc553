//! Endpoints are paths with their handlers. What an operation takes and answers, and which callers it allows, follows
//! from the types in its handler's signature.

use std::collections::BTreeSet;

use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, guard, web};

use super::answer::{Described, Schemas, Shapes};
use super::request::body::{Body, RequestBody};
use crate::http::auth::{self, Caller, Permission};
use crate::http::error::Problem;
use crate::http::scope::Scope;

/// An endpoint with its operations.
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    pub(super) operations: Vec<Operation>,
    resource: Resource,
}

/// What a method does at an endpoint.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) arguments: Arguments,
    pub(super) answers: fn(&mut Schemas) -> Shapes,
}

/// The methods that an operation can have, in the order of the description. HEAD is GET without the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The name in the description.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// The names in `Allow`.
    fn allowed(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn route(self) -> Route {
        match self {
            Self::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            Self::Post => web::post(),
            Self::Put => web::put(),
            Self::Patch => web::patch(),
            Self::Delete => web::delete(),
        }
    }
}

/// An endpoint without operations yet.
pub(super) fn at(path: &'static str) -> Endpoint {
    Endpoint { path, operations: Vec::new(), resource: web::resource(path) }
}

/// Makes the function of each method, which adds a handler.
macro_rules! methods {
    ($($name:ident => $method:ident),+) => {$(
        pub(super) fn $name<F, Args, A>(self, handler: F) -> Self
        where
            F: Handler<Args, Output = Result<A, Problem>>,
            Args: FromRequest + Signature + 'static,
            A: Responder + Described + 'static,
        {
            self.on(Method::$method, handler)
        }
    )+};
}

impl Endpoint {
    methods!(get => Get, post => Post, put => Put, patch => Patch, delete => Delete);

    fn on<F, Args, A>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args, Output = Result<A, Problem>>,
        Args: FromRequest + Signature + 'static,
        A: Responder + Described + 'static,
    {
        self.operations.push(Operation { method, arguments: Args::arguments(), answers: A::shapes });
        self.resource = self.resource.route(method.route().to(handler));
        self
    }

    /// The endpoint as actix serves it; other methods than its own are 405 with those that the caller's token allows.
    pub(super) fn into_resource(self) -> Resource {
        let operations: Vec<(Method, Option<Scope>)> =
            self.operations.iter().map(|operation| (operation.method, operation.arguments.scope)).collect();
        self.resource.default_service(web::to(move |request: HttpRequest| {
            let operations = operations.clone();
            async move {
                let scopes = auth::scopes(&request).await;
                Err::<&str, _>(Problem::method_not_allowed(&allowed(&operations, scopes.as_ref())))
            }
        }))
    }
}

/// The methods that are not refused with 403. The scopes of an unknown caller are unknown: then all are listed.
fn allowed(operations: &[(Method, Option<Scope>)], scopes: Option<&BTreeSet<Scope>>) -> String {
    let is_allowed = |scope: &Option<Scope>| match (scope, scopes) {
        (Some(scope), Some(scopes)) => scopes.contains(scope),
        (None, _) | (_, None) => true,
    };
    let methods = operations.iter().filter(|(_, scope)| is_allowed(scope)).map(|(method, _)| method.allowed());
    methods.collect::<Vec<_>>().join(", ")
}

/// What the arguments of a handler state about its operation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arguments {
    /// The scope that the caller needs; none where every caller is allowed.
    pub(super) scope: Option<Scope>,
    pub(super) body: Option<BodyType>,
}

/// The type of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyType {
    /// Adds its schema, and returns its name.
    pub(super) schema: fn(&mut Schemas) -> String,
    /// The members that its reader reads.
    #[cfg(test)]
    pub(super) members: fn() -> BTreeSet<&'static str>,
}

/// One argument of a handler.
pub(super) trait Argument {
    fn add_to(_: &mut Arguments) {}
}

impl Argument for HttpRequest {}

impl<T: 'static> Argument for web::Data<T> {}

impl<P: Permission> Argument for Caller<P> {
    fn add_to(arguments: &mut Arguments) {
        arguments.scope = Some(P::SCOPE);
    }
}

impl<T: RequestBody> Argument for Body<T> {
    fn add_to(arguments: &mut Arguments) {
        arguments.body = Some(BodyType {
            schema: Schemas::add::<T>,
            #[cfg(test)]
            members: super::request::body::names_of::<T>,
        });
    }
}

/// All arguments of a handler.
pub(super) trait Signature {
    fn arguments() -> Arguments;
}

macro_rules! signature {
    ($($argument:ident),*) => {
        impl<$($argument: Argument),*> Signature for ($($argument,)*) {
            fn arguments() -> Arguments {
                #[allow(unused_mut, clippy::allow_attributes, reason = "a handler may have no arguments")]
                let mut arguments = Arguments::default();
                $($argument::add_to(&mut arguments);)*
                arguments
            }
        }
    };
}

signature!();
signature!(A);
signature!(A, B);
signature!(A, B, C);
signature!(A, B, C, D);
signature!(A, B, C, D, E);

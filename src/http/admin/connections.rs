//! Connections: create them, list them, and show their state, their problems and the age of their data.

pub(super) mod actions;
mod json;
pub(super) mod mapping;
pub(super) mod workers;

use actix_web::{HttpRequest, web};
use serde_json::Value;

use self::json::show_view;
use super::answer::{Answer, Created, Found, Listed};
use super::request::body::{Body, Members, RequestBody};
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use crate::api::Given;
use crate::api::connections::{Connection, NewConnection, SystemKind};
use crate::flows::connections;
use crate::flows::connections::lifecycle::NewConnectionOrder;
use crate::flows::context::Context;
use crate::http::auth::{Admin, AdminRead, Caller};

/// POST /connections: 201 once the HR system has accepted the credential; its preview is begun. Where the HR system
/// wants consent (OAuth), 201 in the state `authorizing`, without a run.
pub(super) async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<NewConnection>,
    context: web::Data<Context>,
) -> Answer<Created<Connection>> {
    Parameters::read(&request, &[])?.finish()?;
    let (new, actor) = body.read(&caller).await?;
    let order = NewConnectionOrder {
        kind: new.kind.as_str().to_owned(),
        name: new.name,
        settings: Value::Object(new.settings.unwrap_or_default().into_iter().collect()),
        credentials: Value::Object(new.credentials.unwrap_or_default().into_iter().collect()),
    };
    let (id, asked) = connections::lifecycle::create(&context, order, &actor).await?;
    let view = connections::overview::view(&context, id).await?;
    let run_id = Given::from(asked.map(|asked| asked.run));
    let body = Connection { run_id, ..show_view(view, context.clock.now())? };
    Ok(Created { path: format!("/connections/{id}"), body })
}

impl RequestBody for NewConnection {
    fn read(members: &mut Members) -> Self {
        let kind = members.required_text("kind");
        let known = SystemKind::parse(&kind);
        if known.is_none() && !members.has_refused("kind") {
            let kinds: Vec<&str> = SystemKind::ALL.iter().map(|kind| kind.as_str()).collect();
            members.refuse("kind", format!("expected one of: {}", kinds.join(", ")));
        }
        Self {
            kind: known.unwrap_or(SystemKind::Remote),
            name: members.required_text("name"),
            settings: members.object("settings").map(|settings| settings.into_iter().collect()),
            credentials: members.object("credentials").map(|credentials| credentials.into_iter().collect()),
        }
    }
}

/// GET /connections
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Connection>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::number)?.unwrap_or(0);
    parameters.finish()?;
    let views = connections::overview::list(&context, after, limit + 1).await?;
    let now = context.clock.now();
    page(views, limit, |view| Mark::Number(view.connection.ordinal), |view| show_view(view, now))
}

/// GET /connections/{id}
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Connection>> {
    Parameters::read(&request, &[])?.finish()?;
    json::found(&context, id(&request, "id", "connection")?).await
}

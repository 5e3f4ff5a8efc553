//! `/oauth/callback`: the address to which an HR system returns an admin after the request for consent. It is the only
//! page of ours that a browser shows before there is a console.
//!
//! No caller presents a token here. The `state` is the proof: only the admin who asked for the consent has seen it.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;

use crate::flows::connections::consent;
use crate::flows::connections::consent::{NotConnected, Returned};
use crate::flows::context::Context;
use crate::store::connections::ConnectionState;

/// The maximum length of a state or a code.
const LONGEST: usize = 4096;

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/oauth/callback", web::get().to(callback));
}

async fn callback(request: HttpRequest, context: web::Data<Context>) -> HttpResponse {
    let Some(returned) = read(request.query_string()) else {
        return page(
            StatusCode::BAD_REQUEST,
            "This is no answer to a consent",
            "The address lacks the state, or has a part twice. Begin anew: POST /api/v1/connections/…/authorize gives the address.",
        );
    };
    match consent::complete(&context, returned).await {
        Ok(connected) => {
            let name = &connected.connection.name;
            let next = match connected.connection.state {
                ConnectionState::Review => "A preview is being made. Look at its plan, then finish the set-up.",
                ConnectionState::Paused => "It is paused; resume it to pull.",
                _ => "A pull has begun.",
            };
            let text =
                format!("“{name}” has access to the account {}. {next} You can close this page.", connected.account);
            page(StatusCode::OK, "Connected", &text)
        }
        Err(error) => {
            let status = match &error {
                NotConnected::UnknownState => StatusCode::BAD_REQUEST,
                NotConnected::Refused { .. } | NotConnected::Failed { .. } => StatusCode::CONFLICT,
                NotConnected::StillWaiting => {
                    return page(
                        StatusCode::GATEWAY_TIMEOUT,
                        "Not connected yet",
                        "The HR system has not answered yet. Look at the connection in a minute; if it still has no access then, \
                         ask for the consent again.",
                    );
                }
                NotConnected::Flow(inner) => {
                    tracing::warn!("a consent could not be taken: {inner}");
                    return page(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "Not connected",
                        "Something of ours is in the way; the log says what. Nothing was changed. Ask for the consent again.",
                    );
                }
            };
            let text =
                format!("{}. Nothing was changed. Ask for the consent again when that is settled.", sentence(&error));
            page(status, "Not connected", &text)
        }
    }
}

/// The parameters of RFC 6749 section 4.1.2, each at most once. `None` without a usable state.
fn read(query: &str) -> Option<Returned> {
    let mut returned = Returned::default();
    let (mut states, mut codes) = (0, 0);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if value.len() > LONGEST {
            return None;
        }
        match name.as_ref() {
            "state" => {
                states += 1;
                returned.state = value.into_owned();
            }
            "code" => {
                codes += 1;
                returned.code = Some(SecretString::from(value.into_owned()));
            }
            "error" => returned.error = Some(value.into_owned()),
            _ => {}
        }
    }
    (states == 1 && codes <= 1 && !returned.state.is_empty()).then_some(returned)
}

fn sentence(error: &NotConnected) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A page that loads nothing and gives no other site the address from which it was opened.
fn page(status: StatusCode, title: &str, text: &str) -> HttpResponse {
    let (title, text) = (escape(title), escape(text));
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .body(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Rollbook</title>\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}</style>\
             </head><body><h1>{title}</h1><p>{text}</p></body></html>"
        ))
}

/// A text that cannot become markup, within elements and within quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod html_tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escape("<script>\"a\" & 'b'"), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_needed_and_nothing_may_come_twice() {
        let returned = read("code=a%2Fb&state=s1&scope=x").unwrap();
        assert_eq!(returned.state, "s1");
        assert!(returned.code.is_some() && returned.error.is_none());
        assert_eq!(read("error=access_denied&state=s").unwrap().error.as_deref(), Some("access_denied"));
        for wrong in ["", "code=a", "state=&code=a", "state=a&state=b&code=c", "state=a&code=b&code=c"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        assert!(read(&format!("state={}", "x".repeat(5000))).is_none());
    }
}

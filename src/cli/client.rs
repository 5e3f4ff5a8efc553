//! Calls the admin API for the command line.

use std::error::Error as _;
use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use super::error::CliError;
use super::options::Access;
use super::secret;
use crate::api::Page;
use crate::api::connections::Connection;
use crate::api::consumers::Consumer;
use crate::api::errors::Refusal;
use crate::clock::Clock;

/// The server answers sooner, also where it has to ask an HR system (15 seconds).
const TIMEOUT: Duration = Duration::from_mins(1);
/// Items of a page, at most.
const PAGE: u32 = 500;

/// A server and the token for it.
pub(super) struct Client {
    base: Url,
    token: SecretString,
    http: reqwest::Client,
    pub(super) clock: Clock,
    /// Whether answers are printed as they are.
    pub(super) json: bool,
}

impl Client {
    pub(super) fn new(access: Access, clock: Clock) -> Result<Self, CliError> {
        let usage = |text: String| CliError::Usage(text);
        let base = Url::parse(access.url.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                usage("the server's URL (--url, ROLLBOOK_URL) has to be like http://127.0.0.1:8080".into())
            })?;
        let given = access.token.filter(|token| !token.expose_secret().trim().is_empty());
        let token = match (given, access.admin_token_file) {
            (Some(_), Some(_)) => {
                return Err(usage("a token and a file with a token were given (--token, --admin-token-file or their variables): give one".into()));
            }
            (Some(token), None) => token.expose_secret().trim().to_owned().into(),
            (None, Some(file)) => secret::of_file(&file)?,
            (None, None) => {
                return Err(usage(
                    "no admin token: set ROLLBOOK_ADMIN_TOKEN or ROLLBOOK_ADMIN_TOKEN_FILE, or give --token".into(),
                ));
            }
        };
        let http = reqwest::Client::builder()
            .user_agent(concat!("rollbook-cli/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| CliError::Failed(format!("the HTTP client cannot be set up: {}", innermost(&error))))?;
        Ok(Self { base, token, http, clock, json: access.json })
    }

    pub(super) async fn get<T>(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer<T>, CliError> {
        Ok(Answer::new(self.call(Method::GET, path, query, None).await?))
    }

    pub(super) async fn post<T>(&self, path: &[&str], body: &Value) -> Result<Answer<T>, CliError> {
        Ok(Answer::new(self.call(Method::POST, path, &[], Some(body)).await?))
    }

    pub(super) async fn put<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<Answer<T>, CliError> {
        Ok(Answer::new(self.call(Method::PUT, path, query, Some(body)).await?))
    }

    pub(super) async fn patch<T>(&self, path: &[&str], body: &Value) -> Result<Answer<T>, CliError> {
        Ok(Answer::new(self.call(Method::PATCH, path, &[], Some(body)).await?))
    }

    pub(super) async fn delete(&self, path: &[&str], body: &Value) -> Result<(), CliError> {
        self.call(Method::DELETE, path, &[], Some(body)).await.map(|_| ())
    }

    /// The first `limit` items of a list, page by page, in the shape of one page.
    pub(super) async fn list<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        limit: u32,
    ) -> Result<Answer<Page<T>>, CliError> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
            let mut query = query.to_vec();
            query.push(("limit", left.clamp(1, PAGE).to_string()));
            if let Some(cursor) = cursor {
                query.retain(|(name, _)| *name != "after");
                query.push(("cursor", cursor));
            }
            let page: Page<Value> = Answer::new(self.call(Method::GET, path, &query, None).await?).read()?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || items.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(Answer::new(json!({ "items": items, "nextCursor": cursor })));
            }
        }
    }

    /// The id of a resource that an admin named by id or by name. `named` reads the name from each item of a list.
    pub(super) async fn resolve<T: DeserializeOwned>(
        &self,
        list: &str,
        what: &str,
        word: &str,
        named: impl Fn(T) -> (Uuid, String),
    ) -> Result<String, CliError> {
        if Uuid::try_parse(word).is_ok() {
            return Ok(word.to_owned());
        }
        let all: Page<T> = self.list(&[list], &[], u32::MAX).await?.read()?;
        let mut found = all.items.into_iter().map(named).filter(|(_, name)| name.eq_ignore_ascii_case(word));
        found
            .next()
            .map(|(id, _)| id.to_string())
            .ok_or_else(|| CliError::Failed(format!("there is no {what} with the id or name `{word}`")))
    }

    /// The id of a connection.
    pub(super) async fn connection(&self, word: &str) -> Result<String, CliError> {
        self.resolve("connections", "connection", word, |one: Connection| (one.id, one.name)).await
    }

    /// The id of a consumer.
    pub(super) async fn consumer(&self, word: &str) -> Result<String, CliError> {
        self.resolve("consumers", "consumer", word, |one: Consumer| (one.id, one.name)).await
    }

    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, CliError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let mut request = self.http.request(method, url).bearer_auth(self.token.expose_secret()).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.unreachable(&error))?;
        if text.is_empty() && status.is_success() {
            return Ok(Value::Null);
        }
        let value: Option<Value> = serde_json::from_str(&text).ok();
        match value {
            Some(value) if status.is_success() => Ok(value),
            Some(problem) if problem.get("detail").is_some() => Err(CliError::Failed(refusal(problem))),
            _ => Err(CliError::Failed(format!("{} answered {status}, and not as Rollbook does", self.place()))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let hint = if error.is_connect() { "; is `rollbook serve` running there?" } else { "" };
        CliError::Failed(format!("no answer from {}: {}{hint}", self.place(), innermost(error)))
    }

    /// The server without user and password, if the URL has any.
    fn place(&self) -> String {
        self.base.origin().ascii_serialization()
    }
}

/// A problem in one line: what is wrong with single members, else the whole.
fn refusal(problem: Value) -> String {
    let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
    // A newer server may have codes that this program does not know; its text is readable all the same.
    let errors = serde_json::from_value::<Refusal>(problem).map(|refusal| refusal.errors).unwrap_or_default();
    let members: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    super::table::clean(&if members.is_empty() { detail } else { members.join("; ") })
}

fn innermost(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else { return error.to_string() };
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str, token: Option<&str>) -> Access {
        Access {
            url: url.to_owned(),
            token: token.map(|token| token.to_owned().into()),
            admin_token_file: None,
            json: false,
        }
    }

    #[test]
    fn without_url_or_token_the_command_says_how_to_give_them() {
        let refused = |access| Client::new(access, Clock::system()).err().unwrap();
        assert!(
            matches!(refused(access("localhost:8080", Some("t"))), CliError::Usage(text) if text.contains("--url"))
        );
        for token in [None, Some(" ")] {
            let CliError::Usage(text) = refused(access("http://h", token)) else { panic!("a usage error") };
            assert!(text.contains("ROLLBOOK_ADMIN_TOKEN_FILE"), "{text}");
        }
    }

    #[test]
    fn a_problem_is_one_line() {
        let mut problem = json!({
            "type": "urn:rollbook:problem:invalid",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "these members cannot be taken: name, kind",
            "code": "invalid",
            "errors": [{ "field": "name", "message": "missing" }, { "field": "kind", "message": "unknown" }],
        });
        assert_eq!(refusal(problem.clone()), "name: missing; kind: unknown");
        problem["code"] = "notKnownYet".into();
        assert_eq!(refusal(problem), "these members cannot be taken: name, kind");
        assert_eq!(refusal(json!({ "detail": "there is no run with the id 7" })), "there is no run with the id 7");
    }
}

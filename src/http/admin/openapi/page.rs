//! Renders the description as a page for people: one HTML text that loads nothing and runs no script. The code is pure:
//! it turns a document into a page.

mod example;
mod schema;
mod text;

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use self::text::{inline, list, text};
use super::tree::{METHODS, resolved};
use crate::http::consent::escape;
use crate::http::error::{Code, Status};

const STYLE: &str = include_str!("page.css");

/// What a browser may do for the page: show the one style that is in it, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The `Content-Security-Policy` that belongs to the page.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// The page. `public_url` is where the examples send their requests.
pub(super) fn render(document: &Value, public_url: &str) -> String {
    let mut page = String::with_capacity(256 * 1024);
    let title = escape(text(&document["info"]["title"]));
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>"
    );
    navigation(&mut page, document, &title);
    let _ = write!(page, "<main><h1>{title}</h1>");
    paragraphs(&mut page, text(&document["info"]["description"]));
    let api = format!("API={public_url}/api/v1\nA=\"Authorization: Bearer $(cat admin-token)\"");
    let _ = write!(page, "<p>In the examples:</p><pre>{}</pre>", escape(&api));
    let _ = write!(page, "<p>The same as <a href=\"openapi.json\">OpenAPI 3.1</a>, for programs.</p>");
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(page, "<section><h2 id=\"{}\">{}</h2>", anchor(name), escape(name));
        paragraphs(&mut page, text(&tag["description"]));
        for (path, method, operation) in of_tag(document, name) {
            show_operation(&mut page, document, path, method, operation);
        }
        page.push_str("</section>");
    }
    show_codes(&mut page);
    show_shapes(&mut page, document);
    page.push_str("</main></body></html>");
    page
}

fn navigation(page: &mut String, document: &Value, title: &str) {
    let _ = write!(page, "<nav><p>{title}</p>");
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(page, "<a href=\"#{}\">{}</a><ul>", anchor(name), escape(name));
        for (_, _, operation) in of_tag(document, name) {
            let id = escape(text(&operation["operationId"]));
            let _ = write!(page, "<li><a href=\"#{id}\">{id}</a></li>");
        }
        page.push_str("</ul>");
    }
    page.push_str("<a href=\"#codes\">Codes</a><br><a href=\"#shapes\">Shapes</a></nav>");
}

fn show_operation(page: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let id = escape(text(&operation["operationId"]));
    let _ = write!(
        page,
        "<article id=\"{id}\"><h3><span class=\"method {method}\">{}</span><code>{}</code></h3><p>{}.",
        method.to_uppercase(),
        escape(path),
        inline(text(&operation["summary"]))
    );
    let scope = operation["security"][0]["bearer"][0].as_str();
    let who = scope
        .map_or("for everybody, without a token".to_owned(), |scope| format!("needs the scope <code>{scope}</code>"));
    let _ = write!(page, " <span class=\"scope\">{id}: {who}</span></p>");
    paragraphs(page, text(&operation["description"]));
    let parameters: Vec<&Value> = example::parameters(document, path, operation);
    if !parameters.is_empty() {
        page.push_str("<h4>Parameters</h4><table>");
        for parameter in parameters {
            let place = if parameter["in"] == "path" { "in the path" } else { "in the query" };
            let kind = schema::kind(&parameter["schema"]);
            schema::row(page, text(&parameter["name"]), &kind, place, text(&parameter["description"]));
        }
        page.push_str("</table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"];
    if body.is_object() {
        page.push_str("<h4>Body</h4>");
        schema::body(page, resolved(document, &body["schema"]));
    }
    page.push_str("<h4>Example</h4>");
    for curl in example::calls(document, path, method, operation) {
        let _ = write!(page, "<pre class=\"call\">{}</pre>", escape(&curl));
    }
    show_answers(page, document, operation);
    page.push_str("</article>");
}

fn show_answers(page: &mut String, document: &Value, operation: &Value) {
    let mut codes: Vec<Code> = Vec::new();
    page.push_str("<h4>Answers</h4>");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let answer = resolved(document, answer);
        let problem =
            &answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"];
        if let Some(words) = problem.as_array() {
            codes.extend(words.iter().filter_map(Value::as_str).filter_map(Code::parse));
            continue;
        }
        let _ = write!(page, "<p><b>{}</b> {}", escape(status), inline(text(&answer["description"])));
        for (media, body) in answer["content"].as_object().into_iter().flatten() {
            if media == "application/json" {
                let _ = write!(page, " <span class=\"soft\">{}</span>", schema::kind(&body["schema"]));
            }
            page.push_str("</p>");
            if let Some(example) = body.get("example") {
                let example = serde_json::to_string_pretty(example).unwrap_or_default();
                let _ = write!(page, "<details><summary>Example</summary><pre>{}</pre></details>", escape(&example));
            }
        }
    }
    if !codes.is_empty() {
        let link = |code: &Code| format!("<a href=\"#code-{code}\">{} {code}</a>", code.status().as_u16());
        let links: Vec<String> = codes.iter().map(link).collect();
        let _ = write!(page, "<p class=\"soft\">Refusals: {}</p>", links.join(" · "));
    }
}

fn show_codes(page: &mut String) {
    page.push_str("<section><h2 id=\"codes\">Codes</h2><p>Of refusals. They do not change.</p><table>");
    for code in Code::ALL.iter().copied() {
        let _ = write!(
            page,
            "<tr id=\"code-{code}\"><td>{} <code>{code}</code></td><td>{}</td></tr>",
            code.status().as_u16(),
            inline(code.meaning())
        );
    }
    page.push_str("</table></section>");
}

fn show_shapes(page: &mut String, document: &Value) {
    page.push_str("<section><h2 id=\"shapes\">Shapes</h2>");
    for (name, shape) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(page, "<article id=\"shape-{0}\"><h3>{0}</h3>", escape(name));
        paragraphs(page, text(&shape["description"]));
        schema::table(page, shape);
        page.push_str("</article>");
    }
    page.push_str("</section>");
}

/// The operations of a tag: by path, then by method.
fn of_tag<'a>(document: &'a Value, tag: &'a str) -> impl Iterator<Item = (&'a str, &'static str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
        })
        .filter(move |(_, _, operation)| operation["tags"][0] == tag)
}

/// Paragraphs of Markdown that knows nothing but code.
fn paragraphs(page: &mut String, markdown: &str) {
    for paragraph in markdown.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let _ = write!(page, "<p>{}</p>", inline(paragraph));
    }
}

fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::admin::document;

    fn page() -> String {
        render(document(), "https://dir.example.com")
    }

    #[test]
    fn the_page_names_every_operation_parameter_and_code() {
        let page = page();
        for item in document()["paths"].as_object().unwrap().values() {
            for operation in METHODS.iter().filter_map(|method| item.get(*method)) {
                let id = operation["operationId"].as_str().unwrap();
                assert!(page.contains(&format!("<article id=\"{id}\">")), "{id}");
                assert!(page.contains(&format!("<a href=\"#{id}\">")), "{id} is not in the navigation");
            }
        }
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"code-{code}\"")), "{code}");
        }
    }

    #[test]
    fn the_page_loads_nothing_and_runs_nothing() {
        let page = page();
        for word in
            ["<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "javascript:", "onclick", " style="]
        {
            assert!(!page.contains(word), "{word}");
        }
        for target in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let Some(anchor) = target.strip_prefix('#') else {
                assert_eq!(target, "openapi.json");
                continue;
            };
            assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_alone() {
        let page = page();
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        assert!(policy().starts_with("default-src 'none';"));
        assert!(policy().contains(&format!("style-src 'sha256-{hash}';")), "{}", policy());
        assert!(!policy().contains("unsafe"));
    }

    #[test]
    fn the_public_url_cannot_become_markup() {
        assert!(!render(document(), "https://a/<script>").contains("<script"));
    }

    #[test]
    fn code_is_told_from_text() {
        assert_eq!(inline("`a<b` and <c>"), "<code>a&lt;b</code> and &lt;c&gt;");
    }
}

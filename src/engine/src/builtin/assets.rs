//! `/docs` and `/redoc`: pages over the API description, and what they load. Everything comes out of this binary.

use async_trait::async_trait;
use bytes::Bytes;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use http::{HeaderValue, StatusCode, header};

use crate::{
    documents::Document,
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};

/// Scripts come from this service only; the two user interfaces write their own styles (see `assets/README.md`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

struct File {
    name: &'static str,
    media_type: &'static str,
    gzipped: bool,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $media_type:expr) => {
        File { name: $name, media_type: $media_type, gzipped: false, bytes: include_bytes!(concat!("../../assets/", $name)) }
    };
    (gz $name:literal, $media_type:expr) => {
        File {
            name: $name,
            media_type: $media_type,
            gzipped: true,
            bytes: include_bytes!(concat!("../../assets/", $name, ".gz")),
        }
    };
}

static FILES: &[File] = &[
    file!("docs.js", JAVASCRIPT),
    file!("favicon.svg", "image/svg+xml"),
    file!("pages.css", CSS),
    file!("redoc.js", JAVASCRIPT),
    file!(gz "redoc.standalone.js", JAVASCRIPT),
    file!(gz "swagger-ui-bundle.js", JAVASCRIPT),
    file!(gz "swagger-ui.css", CSS),
];

fn page(request: &Request, html: &'static str) -> Reply {
    let document = Document::new(HeaderValue::from_static("text/html; charset=utf-8"), Bytes::from_static(html.as_bytes()));
    document
        .reply(&request.headers)
        .header(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
        .header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
}

fn html_reply() -> Vec<ReplyInfo> {
    vec![ReplyInfo { status: 200, description: "The page", media_type: "text/html", schema: None }]
}

/// `discovery.docs`.
pub struct Docs;

#[async_trait]
impl Handler for Docs {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "A page to read and try the API, built on Swagger UI; it loads nothing from anywhere else.",
            replies: html_reply(),
            ..HandlerInfo::new("discovery.docs", "Show the API to try", Effect::Read)
        }
    }

    async fn call(&self, _: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        Ok(page(request, include_str!("../../assets/docs.html")))
    }
}

/// `discovery.redoc`.
pub struct Redoc;

#[async_trait]
impl Handler for Redoc {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "A page to read the API, built on Redoc; it loads nothing from anywhere else.",
            replies: html_reply(),
            ..HandlerInfo::new("discovery.redoc", "Show the API to read", Effect::Read)
        }
    }

    async fn call(&self, _: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        Ok(page(request, include_str!("../../assets/redoc.html")))
    }
}

/// `discovery.asset`.
pub struct Asset;

#[async_trait]
impl Handler for Asset {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "A script, style or icon of the documentation pages.",
            params: &[("asset", "Name of the file")],
            replies: vec![ReplyInfo { status: 200, description: "The file", media_type: "*/*", schema: None }],
            problems: &[(404, "There is no such file")],
            ..HandlerInfo::new("discovery.asset", "Serve a file of the documentation pages", Effect::Read)
        }
    }

    async fn call(&self, _: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let name = request.param("asset")?;
        let file = FILES.iter().find(|file| file.name == name).ok_or_else(|| Problem::not_found("There is no such file"))?;
        let document = Document::new(HeaderValue::from_static(file.media_type), Bytes::from_static(file.bytes));
        let reply = document.reply(&request.headers);
        // Every browser takes gzip; unpacking for others would carry a decoder for nobody.
        if file.gzipped && reply.status == StatusCode::OK {
            return Ok(reply.header(header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        Ok(reply)
    }
}

//! The published documents of a mounted catalog: rendered once, served with a strong `ETag` and answered 304 when the caller
//! has them (RFC 9110 section 8.8.3).

use std::{collections::HashMap, sync::OnceLock};

use bytes::Bytes;
use contract::{catalog::Catalog, publish};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{environment::Environment, handler::Reply};

/// This process, as the presence document names it.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Unique for each start.
    pub id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The commit that it was built from; `None` when it was built outside a checkout.
    pub commit: Option<String>,
}

/// A document ready to be sent.
#[derive(Debug, Clone)]
pub struct Document {
    media_type: HeaderValue,
    body: Bytes,
    etag: HeaderValue,
}

/// The documents of one mounted catalog.
pub struct Documents {
    /// `/contractz`.
    pub contractz: Document,
    /// `/contractz/{id}` by id.
    pub contracts: HashMap<String, Document>,
    /// `/versionz`.
    pub version: Document,
    /// `/healthz`.
    pub health: Document,
    /// `/fabric-manifest.json`.
    pub fabric_manifest: Document,
    /// `/fabric-compatibilityz`.
    pub fabric_compatibility: Document,
    openapi: OnceLock<Document>,
    asyncapi: OnceLock<Document>,
    /// This process.
    pub instance: Instance,
}

impl Documents {
    /// Renders the documents but the API descriptions.
    pub fn new(catalog: &Catalog, environment: &Environment, instance: &Instance) -> Self {
        let is_set = |name: &str| environment.is_set(name);
        let contract = |contract: &std::sync::Arc<contract::catalog::Contract>| {
            (contract.id.clone(), Document::json(publish::contract(contract, &is_set)))
        };
        Self {
            contractz: Document::json(publish::contractz(catalog, &is_set)),
            contracts: catalog.contracts.iter().map(contract).collect(),
            version: Document::json(publish::versionz(catalog, instance.commit.as_deref().unwrap_or("unknown"))),
            health: Document::json(publish::healthz()),
            fabric_manifest: Document::json(publish::fabric_manifest(catalog, &is_set)),
            fabric_compatibility: Document::json(publish::fabric_compatibility(catalog)),
            openapi: OnceLock::new(),
            asyncapi: OnceLock::new(),
            instance: instance.clone(),
        }
    }
}

impl Documents {
    /// `/openapi.json`, rendered when it is first asked for: it is the largest document, and a reload should not wait for it.
    pub fn openapi(&self, catalog: &Catalog) -> &Document {
        self.openapi.get_or_init(|| Document::json(publish::openapi(catalog)))
    }

    /// `/asyncapi.json`, rendered when it is first asked for.
    pub fn asyncapi(&self, catalog: &Catalog) -> &Document {
        self.asyncapi.get_or_init(|| Document::json(publish::asyncapi(catalog)))
    }
}

impl Document {
    /// A JSON document.
    pub fn json(text: String) -> Self {
        Self::new(HeaderValue::from_static("application/json"), text.into())
    }

    /// A document of any media type.
    pub fn new(media_type: HeaderValue, body: Bytes) -> Self {
        let digest = hex::encode(&Sha256::digest(&body)[..16]);
        let etag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { media_type, body, etag }
    }

    /// The answer: 304 when `If-None-Match` names this very document.
    pub fn reply(&self, request: &HeaderMap) -> Reply {
        let known = request.get_all(header::IF_NONE_MATCH).iter().any(|value| self.is_named_by(value));
        let reply = if known {
            Reply::empty(StatusCode::NOT_MODIFIED)
        } else {
            Reply::bytes(StatusCode::OK, self.media_type.clone(), self.body.clone())
        };
        reply.header(header::ETAG, self.etag.clone()).header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    }

    /// Weak comparison of `If-None-Match` (RFC 9110 section 13.1.2).
    fn is_named_by(&self, value: &HeaderValue) -> bool {
        let Ok(value) = value.to_str() else { return false };
        let ours = self.etag.to_str().unwrap_or_default();
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == ours)
    }
}

//! The discovery surfaces: what operators, CI and Fabric poll. Everything but readiness, presence and metrics was rendered
//! when the catalog was mounted.

use std::time::Duration;

use async_trait::async_trait;
use contract::{
    handler::{Effect, HandlerInfo, ReplyInfo},
    publish::{self, Check, Readiness, ReadyStatus},
};
use http::{HeaderValue, StatusCode, header};
use indexmap::IndexMap;

use crate::{
    Engine,
    documents::Document,
    handler::{Context, Handler, Reply, Request},
    mount::Mounted,
    problem::Problem,
    reload::ReloadOutcome,
};

/// The database has to answer readiness within this time.
const READY_TIME: Duration = Duration::from_secs(2);

macro_rules! documents {
    ($($handler:ident $name:literal $summary:literal $description:literal $schema:ty, $document:expr;)*) => {$(
        #[doc = $summary]
        pub struct $handler;

        #[async_trait]
        impl Handler for $handler {
            fn info(&self) -> HandlerInfo {
                HandlerInfo {
                    description: $description,
                    replies: vec![ReplyInfo::json::<$schema>(200, "The document"), NOT_MODIFIED],
                    ..HandlerInfo::new($name, $summary, Effect::Read)
                }
            }

            async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
                let document: fn(&Mounted) -> &Document = $document;
                Ok(document(context.mounted()).reply(&request.headers))
            }
        }
    )*};
}

const NOT_MODIFIED: ReplyInfo = ReplyInfo {
    status: 304,
    description: "The caller's copy, named by `If-None-Match`, is this one",
    media_type: "",
    schema: None,
};

documents! {
    AsyncApi "discovery.asyncapi" "Describe webhooks and events as AsyncAPI 3.0"
        "The webhooks received and the events sent, generated from the catalog." serde_json::Value, |mounted| mounted.documents.asyncapi(&mounted.catalog);
    Contracts "discovery.contracts" "Publish every contract"
        "Every contract with its surface, auth, state and digest; never a secret's value." publish::ContractList, |mounted| &mounted.documents.contractz;
    FabricCompatibility "discovery.fabric_compatibility" "Publish versions and deprecations for Fabric"
        "Which schema versions this service speaks, how each contract is versioned, and what is deprecated." publish::FabricCompatibility, |mounted| &mounted.documents.fabric_compatibility;
    FabricManifest "discovery.fabric_manifest" "Publish the Fabric manifest"
        "What this service is for Fabric, what it provides and does not provide, and where to find it." publish::FabricManifest, |mounted| &mounted.documents.fabric_manifest;
    Health "discovery.health" "Tell that the process lives"
        "Answers as long as the process can answer at all; asks nothing of the database." publish::Health, |mounted| &mounted.documents.health;
    OpenApi "discovery.openapi" "Describe the routes as OpenAPI 3.1"
        "Every mounted route with its parameters, bodies, answers and security, generated from the catalog." serde_json::Value, |mounted| mounted.documents.openapi(&mounted.catalog);
    Version "discovery.version" "Tell version, commit and digest"
        "The version of the program, the commit it was built from, and the digest of the catalog." publish::Version, |mounted| &mounted.documents.version;
}

/// One published contract.
pub struct Contract;

#[async_trait]
impl Handler for Contract {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "One contract of `/contractz`, as it stands there.",
            params: &[("contract_id", "Id of the contract")],
            replies: vec![ReplyInfo::json::<publish::ContractDocument>(200, "The contract"), NOT_MODIFIED],
            problems: &[(404, "There is no contract of this id")],
            ..HandlerInfo::new("discovery.contract", "Publish one contract", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let id = request.param("contract_id")?;
        match context.mounted().documents.contracts.get(id) {
            Some(document) => Ok(document.reply(&request.headers)),
            None => Err(Problem::not_found(format!("There is no contract `{id}`; GET /contractz lists them"))),
        }
    }
}

/// Presence of this process.
pub struct FabricPresence;

#[async_trait]
impl Handler for FabricPresence {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "That this instance is there, since when, and how it is.",
            replies: vec![ReplyInfo::json::<publish::FabricPresence>(200, "The document"), NOT_MODIFIED],
            ..HandlerInfo::new("discovery.fabric_presence", "Publish presence for Fabric", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let status = readiness(context.engine).await.status;
        let mounted = context.mounted();
        let instance = &mounted.documents.instance;
        let text = publish::fabric_presence(&mounted.catalog, &instance.id, &instance.started_at.to_string(), status.as_str());
        Ok(Document::json(text).reply(&request.headers))
    }
}

/// Whether the service can do its work.
pub struct Ready;

#[async_trait]
impl Handler for Ready {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Whether the service can do its work, check by check. `degraded` still answers 200: the database is there, but the last \
                          reload was refused or a declared variable cannot be read.",
            replies: vec![ReplyInfo::json::<Readiness>(200, "Ready or degraded"), ReplyInfo::json::<Readiness>(503, "Unready")],
            ..HandlerInfo::new("discovery.ready", "Tell whether the service is ready", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let readiness = readiness(context.engine).await;
        if readiness.status == ReadyStatus::Unready {
            let reply = Reply::json(StatusCode::SERVICE_UNAVAILABLE, &readiness)?;
            return Ok(reply.header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")));
        }
        Ok(Document::json(readiness.text()).reply(&request.headers))
    }
}

async fn readiness(engine: &Engine) -> Readiness {
    let check = |status, detail: &str| Check { status, detail: detail.to_owned() };
    let mut checks = IndexMap::new();
    let database = match tokio::time::timeout(READY_TIME, engine.storage().ping()).await {
        Ok(Ok(detail)) => check(ReadyStatus::Ready, &detail),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database is not ready");
            check(ReadyStatus::Unready, "the database does not answer; see the log of the service")
        }
        Err(_) => check(ReadyStatus::Unready, "the database did not answer in time"),
    };
    checks.insert("database".to_owned(), database);
    let last = engine.last_reload();
    let catalog = match (last.outcome, &last.first_error) {
        (ReloadOutcome::Refused, first) => {
            let first = first.as_deref().unwrap_or("the folder could not be read");
            let detail =
                format!("the last reload was refused, the earlier catalog goes on; errors: {}, the first: {first}", last.errors);
            check(ReadyStatus::Degraded, &detail)
        }
        _ => check(ReadyStatus::Ready, &format!("{} contracts", engine.mounted().catalog.contracts.len())),
    };
    checks.insert("catalog".to_owned(), catalog);
    let unreadable = engine.environment().problems().len();
    if unreadable > 0 {
        let detail = format!("variables that cannot be read: {unreadable}; the log names them");
        checks.insert("environment".to_owned(), check(ReadyStatus::Degraded, &detail));
    }
    if engine.is_draining() {
        checks.insert("shutdown".to_owned(), check(ReadyStatus::Unready, "the service is shutting down"));
    }
    Readiness::of(checks)
}

/// The Prometheus exposition.
pub struct Metrics;

#[async_trait]
impl Handler for Metrics {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Metrics of the service in the Prometheus text format; `docs/METRICS.md` lists them.",
            replies: vec![ReplyInfo {
                status: 200,
                description: "The exposition",
                media_type: "text/plain; version=0.0.4; charset=utf-8",
                schema: None,
            }],
            ..HandlerInfo::new("discovery.metrics", "Export metrics for Prometheus", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, _: &Request) -> Result<Reply, Problem> {
        let text = context.engine.metrics().render().map_err(Problem::internal)?;
        let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        Ok(Reply::bytes(StatusCode::OK, media_type, text.into()))
    }
}

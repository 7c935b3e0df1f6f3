//! From a request to an answer: routing, guard, limits, body, validation, then the inbox or the handler. One flat sequence;
//! each step may end it with a problem.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use contract::{
    catalog::{AuthMethod, Method as RouteMethod},
    handler::Effect,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{
    Engine,
    execute::{Outcome, Together, execute},
    guard::{Admission, Examination, Notice, Refusal, Scrubber, deprecation},
    handler::{Principal, Reply, ReplyBody, Request},
    inbox,
    mount::{Endpoint, Mounted, MountedRoute},
    problem::{Problem, ProblemKind},
    span::RequestSpan,
    storage::{Accepted, DeliveryState, DeprecatedUse},
    uri,
};

/// Longest path and query; what is longer is no URI of ours and is not looked at.
const LONGEST_URI: usize = 16 * 1024;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static X_CONTRACT_DIGEST: HeaderName = HeaderName::from_static("x-contract-digest");
static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Bytes of a body over its limit that are taken in so that the caller hears the answer.
const MOST_DRAINED: usize = 16 * 1024 * 1024;
/// Longest time for that.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// A body and its share of the memory that bodies may take together, until the request is answered.
struct Held {
    body: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// What is known of a request while it is answered.
struct Exchange<'a> {
    engine: &'a Arc<Engine>,
    mounted: &'a Arc<Mounted>,
    peer: IpAddr,
    request_id: &'a str,
    span: &'a RequestSpan<'a>,
}

impl Engine {
    /// Answers a request. Never fails: what goes wrong is answered as a problem.
    pub async fn handle<B>(self: &Arc<Self>, request: http::Request<B>, peer: IpAddr) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let started = Instant::now();
        let mounted = self.mounted();
        let (mut parts, body) = request.into_parts();
        let headers = std::mem::take(&mut parts.headers);
        let request_id = request_id(&headers, &mounted.scrubber);
        let found = mounted.at(parts.uri.path());
        let endpoint = found.as_ref().map(|(endpoint, _)| *endpoint);
        let target = endpoint.and_then(|endpoint| route_of(endpoint, &parts.method));
        let (contract, path) = labels(endpoint, target);
        let span = RequestSpan::new(self.config().spans, &request_id, parts.method.as_str(), contract, path);
        let exchange = Exchange { engine: self, mounted: &mounted, peer, request_id: &request_id, span: &span };
        let is_head = parts.method == Method::HEAD;
        let outcome = async {
            if parts.uri.path_and_query().is_some_and(|uri| uri.as_str().len() > LONGEST_URI) {
                let detail = format!("Path and query are longer than the {LONGEST_URI} bytes that this service takes");
                return Err(Problem::new(ProblemKind::UriTooLong, detail));
            }
            match (endpoint, target) {
                (_, Some(target)) => {
                    exchange.serve(target, found.as_ref().map(|(_, params)| params), &parts, headers, body).await
                }
                (Some(endpoint), None) => not_allowed(endpoint, &parts.method),
                (None, None) => Err(Problem::not_found("No contract mounts this path; GET /contractz lists what is mounted")),
            }
        }
        .instrument(span.opened())
        .await;
        let mut response = match outcome {
            Ok(response) => response,
            Err(problem) => {
                span.get().in_scope(|| self.log_problem(&mounted, &problem));
                problem.respond(&mounted.scrubber.text(parts.uri.path()), endpoint.map(|_| contract), &request_id)
            }
        };
        finish(&mut response, &mounted, &request_id);
        if let Some(notice) =
            target.filter(|_| !response.headers().contains_key("deprecation")).and_then(|target| target.guard.notice())
        {
            deprecation::apply([&**notice], &[], response.headers_mut());
        }
        if is_head {
            strip_body(&mut response);
        }
        let status = response.status().as_u16();
        span.opened().record("status", status);
        self.metrics().answered(contract, path, method_label(&parts.method), status, started.elapsed());
        tracing::debug!(parent: span.get(), status, took = ?started.elapsed(), "answered");
        response
    }

    fn log_problem(&self, mounted: &Mounted, problem: &Problem) {
        let (kind, status, text) = (problem.kind, problem.kind.status(), problem.to_string());
        let problem = &*mounted.scrubber.text(&text);
        if status >= 500 && kind != ProblemKind::Unconfigured {
            tracing::error!(status, problem, "request failed");
        } else {
            tracing::info!(status, problem, "request refused");
        }
    }
}

/// The route of a method; HEAD is served by GET.
fn route_of<'m>(endpoint: &'m Endpoint, method: &Method) -> Option<&'m Arc<MountedRoute>> {
    let wanted = match *method {
        Method::GET | Method::HEAD => RouteMethod::Get,
        Method::POST => RouteMethod::Post,
        Method::PUT => RouteMethod::Put,
        Method::PATCH => RouteMethod::Patch,
        Method::DELETE => RouteMethod::Delete,
        _ => return None,
    };
    endpoint.routes.iter().find(|mounted| mounted.route.method == wanted)
}

/// Labels of metrics and spans: templates, never paths, so that their number is bounded by the catalog.
fn labels<'m>(endpoint: Option<&'m Arc<Endpoint>>, target: Option<&'m Arc<MountedRoute>>) -> (&'m str, &'m str) {
    match (target, endpoint) {
        (Some(target), _) => (&target.contract.id, &target.route.path),
        (None, Some(endpoint)) => (endpoint.contract(), &endpoint.path),
        (None, None) => ("none", "none"),
    }
}

fn method_label(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}

/// The caller's request id when it is a short token and no secret, else a new one.
fn request_id(headers: &HeaderMap, scrubber: &Scrubber) -> String {
    let sent = headers.get(&X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    sent.filter(usable).filter(|id| !scrubber.finds(id)).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// OPTIONS answers what is available; anything else is 405 (RFC 9110 section 15.5.6).
fn not_allowed(endpoint: &Endpoint, method: &Method) -> Result<Response, Problem> {
    if method == Method::OPTIONS {
        return Ok((StatusCode::NO_CONTENT, [(header::ALLOW, endpoint.allow.clone())]).into_response());
    }
    let allow = endpoint.allow.to_str().unwrap_or_default();
    Err(Problem::new(ProblemKind::MethodNotAllowed, format!("{} takes {allow}", endpoint.path))
        .header(header::ALLOW, endpoint.allow.clone()))
}

fn finish(response: &mut Response, mounted: &Mounted, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID.clone(), value);
    }
    headers.insert(X_CONTRACT_DIGEST.clone(), mounted.digest.clone());
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
}

/// An answer to HEAD has the headers of GET, its length included, and no body (RFC 9110 section 9.3.2).
fn strip_body(response: &mut Response) {
    let length = http_body::Body::size_hint(response.body()).exact();
    *response.body_mut() = Body::empty();
    if let Some(length) = length {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
}

impl Exchange<'_> {
    /// The way of one request through its route.
    async fn serve<B>(
        &self,
        target: &Arc<MountedRoute>,
        params: Option<&matchit::Params<'_, '_>>,
        parts: &Parts,
        mut headers: HeaderMap,
        body: B,
    ) -> Result<Response, Problem>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let limited =
            |limit: &'static str| self.engine.metrics().limited.with_label_values(&[target.contract.id.as_str(), limit]).inc();
        target.limits.count(self.peer).inspect_err(|_| limited("rate"))?;
        let _permit = target.limits.enter().inspect_err(|_| limited("concurrency"))?;
        if let Err(problem) = refuse_announced(&headers, target.route.limits.body) {
            limited("body");
            // A caller that sends it all the same is listened to for a while, or it would not hear the answer.
            tokio::spawn(async move {
                let mut body = body;
                drain(&mut body).await;
            });
            return Err(problem);
        }
        let query = parts.uri.query().unwrap_or("");

        let deadline = tokio::time::Instant::now() + target.route.limits.timeout;
        let now = Timestamp::now();
        let (admission, body) = match target.guard.examine(&headers, query, now) {
            Examination::Decided(decision) => (self.admit(target, decision)?, self.read(target, body, deadline).await?),
            Examination::NeedsBody(pending) => {
                let body = self.read(target, body, deadline).await?;
                (self.admit(target, target.guard.verify(&pending, &body.body))?, body)
            }
            Examination::NeedsLookup(lookup) => {
                let decision = target.guard.look_up(&lookup, self.engine.storage(), now).await;
                (self.admit(target, decision)?, self.read(target, body, deadline).await?)
            }
        };
        let Held { body, _memory } = body;
        self.count_deprecated(target, &admission);

        // From here on nobody sees a secret, wherever the caller put it.
        let scrubber = &self.mounted.scrubber;
        let body = scrubber.body(&body);
        scrubber.clean(&mut headers);
        validate(target, &headers, &body)?;
        let params = uri::params(params)?;
        let request = Request {
            method: parts.method.clone(),
            path: scrubber.text(parts.uri.path()).into_owned(),
            params: params.into_iter().map(|(name, value)| (name, scrubber.text(&value).into_owned())).collect(),
            query: scrubber.query(query),
            headers,
            body,
            route: target.route.clone(),
            contract: target.contract.clone(),
            request_id: self.request_id.to_owned(),
            principal: admission.principal.clone(),
            delivery: None,
        };
        let mut response =
            if target.durable { self.accept(target, &request).await? } else { self.run(target, &request, deadline).await? };
        deprecation::apply(target.guard.notices(&admission), &request.params, response.headers_mut());
        Ok(response)
    }

    fn admit(&self, target: &MountedRoute, decision: Result<Admission, Box<Refusal>>) -> Result<Admission, Problem> {
        let name = |index: Option<usize>| index.and_then(|index| target.route.auth.get(index)).map_or("none", AuthMethod::name);
        let admission = decision.map_err(|refusal| {
            let method = name(refusal.method);
            self.engine.metrics().refusals.with_label_values(&[target.contract.id.as_str(), method]).inc();
            self.span.get().in_scope(|| tracing::info!(method, reason = refusal.reason.as_str(), "credential refused"));
            refusal.problem
        })?;
        if admission.previous_secret {
            let labels = [target.contract.id.as_str(), name(admission.method)];
            self.engine.metrics().previous_secrets.with_label_values(&labels).inc();
        }
        Ok(admission)
    }

    /// Counts uses of what is deprecated by contract, surface and caller.
    fn count_deprecated(&self, target: &MountedRoute, admission: &Admission) {
        for Notice { contract, surface, .. } in target.guard.notices(admission) {
            let caller = match &admission.principal {
                Principal::Operator { .. } | Principal::Token { .. } => admission.principal.actor(),
                _ => self.peer.to_string(),
            };
            self.engine.metrics().deprecated.with_label_values(&[contract.as_str(), surface]).inc();
            self.engine.deprecated_uses().count(DeprecatedUse { contract: contract.clone(), surface: surface.clone(), caller });
        }
    }

    /// Reads the body up to its limit and within the request's time.
    async fn read<B>(&self, target: &MountedRoute, mut body: B, deadline: tokio::time::Instant) -> Result<Held, Problem>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        if body.is_end_stream() {
            return Ok(Held { body: Bytes::new(), _memory: None });
        }
        let mut memory: Option<OwnedSemaphorePermit> = None;
        let most = target.route.limits.body;
        let collect = async {
            let mut first: Option<Bytes> = None;
            let mut rest = BytesMut::new();
            let mut length = 0u64;
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| {
                    Problem::new(ProblemKind::MalformedRequest, "The body ended before it was complete").because(error)
                })?;
                let Ok(data) = frame.into_data() else { continue };
                length += data.len() as u64;
                if length > most {
                    drain(&mut body).await;
                    self.engine.metrics().limited.with_label_values(&[target.contract.id.as_str(), "body"]).inc();
                    return Err(too_large(most));
                }
                let taken = self.engine.hold_memory(data.len()).ok_or_else(|| {
                    self.engine.metrics().limited.with_label_values(&[target.contract.id.as_str(), "memory"]).inc();
                    Problem::new(
                        ProblemKind::Unavailable,
                        "The service holds as many bodies as it may at once; try again in a second",
                    )
                    .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
                })?;
                match &mut memory {
                    Some(memory) => memory.merge(taken),
                    None => memory = Some(taken),
                }
                match &first {
                    None => first = Some(data),
                    Some(earlier) => {
                        if rest.is_empty() {
                            rest.extend_from_slice(earlier);
                        }
                        rest.extend_from_slice(&data);
                    }
                }
            }
            let body = if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() };
            Ok(Held { body, _memory: memory })
        };
        tokio::time::timeout_at(deadline, collect).await.unwrap_or_else(|_| {
            Err(Problem::new(ProblemKind::RequestTimeout, "The body did not arrive within the time of a request"))
        })
    }

    /// Durable: commit, then answer.
    async fn accept(&self, target: &MountedRoute, request: &Request) -> Result<Response, Problem> {
        let state = if target.only_stores { DeliveryState::Done } else { DeliveryState::Pending };
        let delivery = inbox::delivery_of(self.mounted, target, request, state)?;
        let id = delivery.id;
        if delivery.key.is_none() && target.route.delivery.key.is_some() {
            self.engine.metrics().accepted.with_label_values(&[target.contract.id.as_str(), "unkeyed"]).inc();
        }
        let accepted = self.engine.committer().commit(delivery).await?;
        let (id, outcome) = match accepted {
            Accepted::Stored => (id, "stored"),
            Accepted::Repeated(earlier) => (earlier, "repeated"),
            Accepted::Contradicts(earlier) => {
                self.engine.metrics().accepted.with_label_values(&[target.contract.id.as_str(), "contradicted"]).inc();
                let detail =
                    format!("This idempotency key came before with another body, as delivery {earlier}; nothing was stored");
                return Err(Problem::conflict(detail));
            }
        };
        self.engine.metrics().accepted.with_label_values(&[target.contract.id.as_str(), outcome]).inc();
        if state == DeliveryState::Pending && outcome == "stored" {
            self.engine.wake_inbox();
        }
        let status = StatusCode::from_u16(target.route.delivery.respond).unwrap_or(StatusCode::ACCEPTED);
        let body = serde_json::json!({"delivery_id": id, "status": "accepted", "replayed": outcome == "repeated"});
        let mut response = (status, body.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    /// Synchronous: handle, commit, answer.
    async fn run(&self, target: &MountedRoute, request: &Request, deadline: tokio::time::Instant) -> Result<Response, Problem> {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let delivery = match &target.route.delivery.key {
            // What only reads has no effect to be repeated.
            Some(_) if target.handler.info.effect == Effect::Write => {
                Some(inbox::delivery_of(self.mounted, target, request, DeliveryState::Done)?)
                    .filter(|delivery| delivery.key.is_some())
            }
            _ => None,
        };
        let digest = delivery.as_ref().map(|_| request_digest(request));
        let together = match (&delivery, &digest) {
            (Some(delivery), Some(digest)) => Together::Key { delivery, body_digest: digest },
            _ => Together::Nothing,
        };
        let work = execute(self.engine, self.mounted, target, request, together, left);
        let Outcome { reply, replayed } = work.instrument(self.span_for(target)).await?;
        let mut response = respond(reply);
        if replayed {
            response.headers_mut().insert(IDEMPOTENT_REPLAYED.clone(), HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// The span that a handler's lines belong to. Those that only read and are the engine's own have nothing to say.
    fn span_for(&self, target: &MountedRoute) -> Span {
        let info = &target.handler.info;
        if info.effect == Effect::Read && info.name.starts_with("engine.") { self.span.opened() } else { self.span.get().clone() }
    }
}

/// What makes two synchronous requests of one key the same.
fn request_digest(request: &Request) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (name, value) in &request.query {
        digest.update(format!("{}:{name}={}:{value};", name.len(), value.len()));
    }
    digest.update(&request.body);
    digest.finalize().into()
}

/// 413 for a body that says it is too large, before any of it is read (RFC 9110 section 15.5.14).
fn refuse_announced(headers: &HeaderMap, most: u64) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most) { Err(too_large(most)) } else { Ok(()) }
}

/// Takes in what a caller is still sending, within bounds: a connection that is closed with unread input would lose the answer.
async fn drain<B>(body: &mut B)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut left = MOST_DRAINED;
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
            left = rest;
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, rest).await;
}

fn too_large(most: u64) -> Problem {
    Problem::new(ProblemKind::PayloadTooLarge, format!("The body is larger than the {most} bytes that this route takes"))
        .header(header::CONNECTION, HeaderValue::from_static("close"))
}

/// Holds a JSON body to the handler's schema.
fn validate(target: &MountedRoute, headers: &HeaderMap, body: &Bytes) -> Result<(), Problem> {
    if !target.handler.takes_json() {
        // Acknowledged, a delivery that nothing can be taken from could only die.
        return if target.reads_body { json(body).map(drop) } else { Ok(()) };
    }
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or(""));
    if media_type.is_some_and(|media_type| !is_json(media_type)) {
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, "This route takes application/json"));
    }
    target.handler.validate(&json(body)?)
}

fn json(body: &Bytes) -> Result<serde_json::Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(ProblemKind::MalformedRequest, format!("The body is not JSON: {error}")))
}

/// `application/json` or a `+json` suffix (RFC 6839), parameters ignored.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.contains('/') && essence.ends_with("+json"))
}

fn respond(reply: Reply) -> Response {
    let body = match reply.body {
        ReplyBody::Empty => Body::empty(),
        ReplyBody::Bytes(bytes) => Body::from(bytes),
        ReplyBody::Stream(body) => body,
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    response
}

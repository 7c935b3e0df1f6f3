//! Credentials for the matrix: values for every variable that a catalog asks for, accounts, and the request that a planned
//! check describes. The plan ([`contract::plan`]) says what to send without knowing a secret; this knows the secrets.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{
    catalog::{AuthMethod, CarrierPlace, Catalog, KeyEncoding, MacEncoding, Method, Role, Route, Scope, Signature, SurfaceItem},
    plan::{AuthCheck, Case},
    template::KeyExpression,
};
use engine::guard;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Store;
use uuid::Uuid;

use crate::{Call, Server};

/// How far outside the tolerance an old or early timestamp is.
const BEYOND: i64 = 60;

/// The values of one secret variable. All have the form that the variable's uses ask for.
#[derive(Debug, Clone)]
pub struct Secret {
    /// `NAME`.
    pub current: String,
    /// `NAME_PREVIOUS`.
    pub previous: String,
    /// Another one, which the service never hears of otherwise.
    pub wrong: String,
}

/// Texts of sessions or API tokens.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Good for an hour.
    pub good: String,
    /// Over.
    pub expired: String,
}

/// Everything that a catalog can be asked with.
#[derive(Debug)]
pub struct Credentials {
    /// By variable.
    pub secrets: BTreeMap<String, Secret>,
    /// Variables that are no secrets and without which a contract would be unconfigured.
    pub others: BTreeMap<String, String>,
    /// By role.
    pub sessions: BTreeMap<Role, Issued>,
    /// By scope.
    pub tokens: BTreeMap<Scope, Issued>,
    /// A well-formed session that was never issued.
    pub unknown_session: String,
    /// A well-formed API token that was never issued.
    pub unknown_token: String,
}

impl Credentials {
    /// Makes values for everything that the catalog asks for.
    pub fn of(catalog: &Catalog) -> Self {
        let session = || Issued { good: guard::session_text(&random()), expired: guard::session_text(&random()) };
        let token = || Issued { good: guard::token_text(&random()), expired: guard::token_text(&random()) };
        let mut credentials = Self {
            secrets: BTreeMap::new(),
            others: BTreeMap::new(),
            sessions: [Role::Viewer, Role::Operator, Role::Admin].map(|role| (role, session())).into(),
            tokens: [Scope::Read, Scope::Write, Scope::Admin].map(|scope| (scope, token())).into(),
            unknown_session: guard::session_text(&random()),
            unknown_token: guard::token_text(&random()),
        };
        for (variable, encoding) in encodings(catalog) {
            let value = || key_text(encoding);
            credentials.secrets.insert(variable, Secret { current: value(), previous: value(), wrong: value() });
        }
        for contract in &catalog.contracts {
            let calls = contract.surface.iter().filter_map(|item| match item {
                SurfaceItem::Call(call) => Some(&call.variable),
                _ => None,
            });
            for variable in calls.chain(&contract.needs) {
                if variable != "DATABASE_URL" && !credentials.secrets.contains_key(variable) {
                    // Nobody listens on the discard port.
                    credentials.others.insert(variable.clone(), "http://127.0.0.1:9/".to_owned());
                }
            }
        }
        credentials
    }

    /// The variables of a server that knows all of it, previous secrets included.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.others.clone();
        for (name, secret) in &self.secrets {
            variables.insert(name.clone(), secret.current.clone());
            variables.insert(format!("{name}_PREVIOUS"), secret.previous.clone());
        }
        variables
    }

    /// Stores the operators, sessions and tokens. Once for each database.
    pub async fn register(&self, store: &Store) {
        let (soon, over) = (Timestamp::now() + SignedDuration::from_hours(1), Timestamp::now() - SignedDuration::from_secs(1));
        for (role, issued) in &self.sessions {
            let operator = store.add_operator(&format!("matrix {role:?}"), *role).await.expect("the operator is added");
            for (text, end) in [(&issued.expired, over), (&issued.good, soon)] {
                store.add_session(operator, &guard::digest(text), end).await.expect("the session is added");
            }
        }
        for (scope, issued) in &self.tokens {
            for (text, end) in [(&issued.expired, over), (&issued.good, soon)] {
                let name = format!("matrix {scope:?}");
                store.add_token(&name, *scope, &guard::digest(text), Some(end)).await.expect("the token is added");
            }
        }
    }

    /// Every value that may appear nowhere but in the request that carries it.
    pub fn confidential(&self) -> Vec<String> {
        let secrets = self.secrets.values().flat_map(|secret| [&secret.current, &secret.previous, &secret.wrong]);
        let issued = self.sessions.values().chain(self.tokens.values()).flat_map(|issued| [&issued.good, &issued.expired]);
        secrets.chain(issued).chain([&self.unknown_session, &self.unknown_token]).cloned().collect()
    }

    /// The request that a check describes.
    pub fn request(&self, route: &Route, check: &AuthCheck) -> Outgoing {
        let mut request = Outgoing::plain(route);
        self.add(&mut request, route, check);
        request
    }

    /// Adds what a check sends to a request of the same route.
    pub fn add(&self, request: &mut Outgoing, route: &Route, check: &AuthCheck) {
        let Some(method) = check.method.and_then(|index| route.auth.get(index)) else { return };
        let carrier = check.carrier.unwrap_or(0);
        let mut put = |method: &AuthMethod, carrier: usize, grade: Grade| self.put(request, method, carrier, grade);
        match &check.case {
            Case::Missing => {}
            Case::Right | Case::Replayed | Case::VariableUnset(_) => put(method, carrier, Grade::Right),
            Case::PreviousSecret => put(method, carrier, Grade::Previous),
            Case::Wrong => put(method, carrier, Grade::Wrong),
            Case::Empty => put(method, carrier, Grade::Empty),
            Case::Truncated => put(method, carrier, Grade::Truncated),
            Case::Extended => put(method, carrier, Grade::Extended),
            Case::Expired => put(method, carrier, Grade::Expired),
            Case::LowerRole(role) => put(method, carrier, Grade::Role(*role)),
            Case::LowerScope(scope) => put(method, carrier, Grade::Scope(*scope)),
            Case::Twice => {
                put(method, carrier, Grade::Right);
                put(method, carrier, Grade::Right);
            }
            Case::WrongInLaterCarrier(later) => {
                put(method, carrier, Grade::Right);
                put(method, *later, Grade::Wrong);
            }
            Case::RightInLaterCarrier(later) => {
                put(method, carrier, Grade::Wrong);
                put(method, *later, Grade::Right);
            }
            Case::WrongInLaterMethod(later) => {
                put(method, carrier, Grade::Right);
                put(&route.auth[*later], 0, Grade::Wrong);
            }
            Case::RightInLaterMethod(later) => {
                put(method, carrier, Grade::Wrong);
                put(&route.auth[*later], 0, Grade::Right);
            }
            Case::CrossSite => {
                put(method, carrier, Grade::Right);
                request.set("sec-fetch-site", "cross-site");
            }
            Case::TwiceEncoded => {
                put(method, carrier, Grade::Right);
                request.repeat_query_encoded();
            }
            Case::WrongScheme => request.push("authorization", format!("Token {}", self.text(method, Grade::Right))),
            Case::SchemeSpeltOtherwise => {
                request.push("authorization", format!("bEARER {}", self.text(method, Grade::Right)));
            }
            Case::WrongCarrier { place, name } => match method {
                AuthMethod::Signature(signature) => {
                    let signed = self.sign(signature, request, Grade::Right, 0);
                    request.set_time_and_id(signature, &signed);
                    request.place(*place, name, &signed.value(signature));
                }
                _ => request.place(*place, name, &self.text(method, Grade::Right)),
            },
            Case::ByteAltered
            | Case::HexInCapitals
            | Case::SecondSignatureRight
            | Case::ExpiredTimestamp
            | Case::FutureTimestamp
            | Case::AlteredTimestamp
            | Case::MissingTimestamp
            | Case::AlteredId
            | Case::MissingId => self.put_altered(request, method, &check.case),
        }
    }

    /// Puts a credential of a method into a request.
    fn put(&self, request: &mut Outgoing, method: &AuthMethod, carrier: usize, grade: Grade) {
        let text = || self.text(method, grade);
        match method {
            AuthMethod::Secret { carriers, .. } => request.place(carriers[carrier].place, &carriers[carrier].name, &text()),
            AuthMethod::Bearer { .. } | AuthMethod::Token { .. } => {
                request.push("authorization", format!("Bearer {}", text()).trim_end().to_owned());
            }
            AuthMethod::Session { .. } => request.place(CarrierPlace::Cookie, "mc_session", &text()),
            AuthMethod::Signature(signature) => {
                let mut signed = self.sign(signature, request, grade, 0);
                match grade {
                    Grade::Truncated => drop(signed.code.pop()),
                    Grade::Extended => signed.code.push(0),
                    _ => {}
                }
                request.set_time_and_id(signature, &signed);
                let value = if matches!(grade, Grade::Empty) { String::new() } else { signed.value(signature) };
                request.push(&signature.header, value);
            }
            other => panic!("`{}` does not guard routes", other.name()),
        }
    }

    /// The cases that only a signature has.
    fn put_altered(&self, request: &mut Outgoing, method: &AuthMethod, case: &Case) {
        let AuthMethod::Signature(signature) = method else { panic!("{case:?} is a case of signatures") };
        let tolerance =
            signature.timestamp.as_ref().map_or(0, |time| i64::try_from(time.tolerance.as_secs()).expect("a tolerance"));
        let shift = match case {
            Case::ExpiredTimestamp => -(tolerance + BEYOND),
            Case::FutureTimestamp => tolerance + BEYOND,
            _ => 0,
        };
        let mut signed = self.sign(signature, request, Grade::Right, shift);
        let mut value = None;
        match case {
            Case::ByteAltered => match request.body.last_mut() {
                Some(byte) => *byte ^= 1,
                None => request.body.push(b' '),
            },
            Case::HexInCapitals => signed.capitals = true,
            Case::SecondSignatureRight => value = Some(signed.after_another(signature)),
            Case::AlteredTimestamp => signed.timestamp -= 1,
            Case::AlteredId => signed.id = Uuid::now_v7().to_string(),
            _ => {}
        }
        request.set_time_and_id(signature, &signed);
        match case {
            Case::MissingTimestamp => match &signature.timestamp.as_ref().and_then(|time| time.header.clone()) {
                Some(header) => request.remove(header),
                None => value = signature.shape.as_ref().map(|shape| format!("{}{}", shape.signature, signed.text(signature))),
            },
            Case::MissingId => request.remove(signature.id_header.as_deref().expect("the payload names an id")),
            _ => {}
        }
        request.push(&signature.header, value.unwrap_or_else(|| signed.value(signature)));
    }

    /// The text of a shared secret, bearer token, session or API token.
    fn text(&self, method: &AuthMethod, grade: Grade) -> String {
        let (good, previous, wrong, expired) = match method {
            AuthMethod::Secret { variable, .. } | AuthMethod::Bearer { variable } => {
                let secret = self.secret(variable);
                (&secret.current, Some(&secret.previous), &secret.wrong, None)
            }
            AuthMethod::Session { role } => {
                let role = if let Grade::Role(lower) = grade { lower } else { *role };
                (&self.sessions[&role].good, None, &self.unknown_session, Some(&self.sessions[&role].expired))
            }
            AuthMethod::Token { scope } => {
                let scope = if let Grade::Scope(lower) = grade { lower } else { *scope };
                (&self.tokens[&scope].good, None, &self.unknown_token, Some(&self.tokens[&scope].expired))
            }
            other => panic!("`{}` has no text", other.name()),
        };
        match grade {
            Grade::Right | Grade::Role(_) | Grade::Scope(_) => good.clone(),
            Grade::Previous => previous.expect("a method with a variable").clone(),
            Grade::Wrong => wrong.clone(),
            Grade::Empty => String::new(),
            Grade::Truncated => good[..good.len() - 1].to_owned(),
            Grade::Extended => format!("{good}A"),
            Grade::Expired => expired.expect("a session or token").clone(),
        }
    }

    fn secret(&self, variable: &str) -> &Secret {
        self.secrets.get(variable).unwrap_or_else(|| panic!("no value was made for {variable}"))
    }

    /// Signs the request's body as the sender does, `shift` seconds from now.
    fn sign(&self, signature: &Signature, request: &Outgoing, grade: Grade, shift: i64) -> Signed {
        let secret = self.secret(&signature.variable);
        let key = match grade {
            Grade::Previous => &secret.previous,
            Grade::Wrong => &secret.wrong,
            _ => &secret.current,
        };
        let timestamp = Timestamp::now().as_second() + shift;
        let headers = guard::sign(signature, key.as_bytes(), &request.body, timestamp, &request.id).expect("it is signed");
        let value = headers[0].1.to_str().expect("signatures are ASCII");
        let text = match &signature.shape {
            Some(shape) => shape.read(value).1[0],
            None => value,
        };
        let text = text.strip_prefix(signature.prefix.as_str()).expect("the prefix of the signature");
        let code = match signature.encoding {
            MacEncoding::Hex => hex::decode(text).expect("hexadecimal"),
            MacEncoding::Base64 => STANDARD.decode(text).expect("base64"),
        };
        Signed { code, timestamp, id: request.id.clone(), capitals: false }
    }
}

/// How good a credential is.
#[derive(Debug, Clone, Copy)]
enum Grade {
    Right,
    Previous,
    Wrong,
    Empty,
    Truncated,
    Extended,
    Expired,
    Role(Role),
    Scope(Scope),
}

/// A signature before it is written into headers.
struct Signed {
    code: Vec<u8>,
    timestamp: i64,
    id: String,
    capitals: bool,
}

impl Signed {
    fn text(&self, signature: &Signature) -> String {
        let code = match (signature.encoding, self.capitals) {
            (MacEncoding::Hex, false) => hex::encode(&self.code),
            (MacEncoding::Hex, true) => hex::encode_upper(&self.code),
            (MacEncoding::Base64, _) => STANDARD.encode(&self.code),
        };
        format!("{}{code}", signature.prefix)
    }

    /// The value of the signature header.
    fn value(&self, signature: &Signature) -> String {
        let text = self.text(signature);
        signature.shape.as_ref().map_or_else(|| text.clone(), |shape| shape.write(&self.timestamp.to_string(), &text))
    }

    /// The value with a wrong signature before the right one.
    fn after_another(&self, signature: &Signature) -> String {
        let shape = signature.shape.as_ref().expect("only a signature header with parts holds several");
        let wrong = Self { code: self.code.iter().map(|byte| !byte).collect(), id: String::new(), ..*self };
        format!("{}{}{}{}", wrong.value(signature), shape.separator, shape.signature, self.text(signature))
    }
}

/// A request to be sent, in parts that can be put wrong one by one.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Method token.
    pub method: &'static str,
    /// Path with its parameters filled in.
    pub path: String,
    /// Raw pairs of the query.
    pub query: Vec<String>,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Cookies, sent in one header.
    pub cookies: Vec<String>,
    /// Body; empty for GET.
    pub body: Vec<u8>,
    /// Message id, and idempotency key where the route has one. Unique for each request.
    pub id: String,
}

impl Outgoing {
    /// A request that fits the route and carries no credential.
    pub fn plain(route: &Route) -> Self {
        let id = Uuid::now_v7().to_string();
        let key = route.delivery.key.as_ref();
        let mut path = route.path.clone();
        for param in &route.params {
            let is_key = matches!(key, Some(KeyExpression::Path(name)) if name == param);
            path = path.replace(&format!("{{{param}}}"), if is_key { &id } else { "matrix" });
        }
        let mut request = Self {
            method: route.method.as_str(),
            path,
            query: Vec::new(),
            headers: Vec::new(),
            cookies: Vec::new(),
            body: Vec::new(),
            id,
        };
        if route.method != Method::Get {
            request.set("content-type", "application/json");
            request.body = body(key, &request.id).to_string().into_bytes();
        }
        match key {
            Some(KeyExpression::Header(name)) => request.set(name, &request.id.clone()),
            Some(KeyExpression::Query(name)) => request.query.push(format!("{}={}", encode(name), request.id)),
            _ => {}
        }
        request
    }

    /// Puts a text into a header, the query or a cookie, beside what is there.
    pub fn place(&mut self, place: CarrierPlace, name: &str, text: &str) {
        match place {
            CarrierPlace::Header => self.push(name, text.to_owned()),
            CarrierPlace::Query => self.query.push(format!("{}={}", encode(name), encode(text))),
            CarrierPlace::Cookie => self.cookies.push(format!("{name}={text}")),
        }
    }

    /// The request to a server.
    pub fn call(&self, server: &Server) -> Call {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query.join("&")) };
        let mut call = server.call(self.method, &format!("{}{query}", self.path));
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        if !self.cookies.is_empty() {
            call = call.header("cookie", self.cookies.join("; "));
        }
        if self.body.is_empty() { call } else { call.body(self.body.clone()) }
    }

    fn push(&mut self, name: &str, value: String) {
        self.headers.push((name.to_owned(), value));
    }

    /// Sets a header in place of what is there.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.push(name, value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    fn set_time_and_id(&mut self, signature: &Signature, signed: &Signed) {
        if let Some(header) = signature.timestamp.as_ref().and_then(|time| time.header.as_deref()) {
            self.set(header, &signed.timestamp.to_string());
        }
        if let Some(header) = &signature.id_header {
            self.set(header, &signed.id);
        }
    }

    /// The last query parameter once more, the first byte of its name percent-encoded.
    fn repeat_query_encoded(&mut self) {
        let pair = self.query.last().expect("a query parameter").clone();
        self.query.push(format!("%{:02X}{}", pair.as_bytes()[0], &pair[1..]));
    }
}

/// A body that is unique and holds the idempotency key where the key stands in the body.
fn body(key: Option<&KeyExpression>, id: &str) -> Value {
    match key {
        Some(KeyExpression::Body(fields)) => {
            fields.iter().rev().fold(Value::String(id.to_owned()), |inner, field| json!({field: inner}))
        }
        _ => json!({"matrix": id}),
    }
}

/// Percent-encoding that leaves unreserved characters alone (RFC 3986 section 2.3).
pub fn encode(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Every secret variable with the form that all its uses accept.
fn encodings(catalog: &Catalog) -> BTreeMap<String, KeyEncoding> {
    let strictness = |encoding: KeyEncoding| match encoding {
        KeyEncoding::Raw => 0,
        KeyEncoding::Base64 => 1,
        KeyEncoding::Whsec => 2,
    };
    let mut encodings: BTreeMap<String, KeyEncoding> = BTreeMap::new();
    let contracts = catalog.contracts.iter().flat_map(|contract| &contract.auth);
    for method in contracts.chain(catalog.routes().flat_map(|route| &route.auth)) {
        let encoding = match method {
            AuthMethod::Signature(signature) => signature.key,
            AuthMethod::Oidc { .. } => continue,
            _ => KeyEncoding::Raw,
        };
        let Some(variable) = method.variable().filter(|variable| *variable != "DATABASE_URL") else { continue };
        let known = encodings.entry(variable.to_owned()).or_insert(encoding);
        if strictness(encoding) > strictness(*known) {
            *known = encoding;
        }
    }
    encodings
}

fn key_text(encoding: KeyEncoding) -> String {
    match encoding {
        KeyEncoding::Raw => hex::encode(random()),
        KeyEncoding::Base64 => STANDARD.encode(random()),
        KeyEncoding::Whsec => format!("whsec_{}", STANDARD.encode(random())),
    }
}

/// 32 bytes that differ at each call.
pub fn random() -> [u8; 32] {
    Sha256::new().chain_update(Uuid::now_v7()).chain_update(Uuid::now_v7()).finalize().into()
}

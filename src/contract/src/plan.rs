//! The checks that a manifest implies, as data: for every guarded route the whole matrix of credentials that have to be let
//! in, refused or turned away. A suite turns each check into a request; a new manifest is covered without a new test.
//!
//! Nothing is sent from here, and nothing here knows a secret: a check says *what* to send ("the right secret, cut by one
//! byte, in the third carrier"), the suite knows the values. A check speaks of one method and leaves all others out of the
//! request, unless its case says otherwise.

use std::fmt;

use crate::{
    catalog::{AuthMethod, CarrierPlace, Method, Role, Route, Scope, Signature},
    template::PayloadPart,
};

/// One request and what has to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthCheck {
    /// Position of the method in [`Route::auth`]; `None` when the request carries no credential at all.
    pub method: Option<usize>,
    /// Position of the carrier in the method's list; `None` for methods that have one carrier only.
    pub carrier: Option<usize>,
    /// What is sent.
    pub case: Case,
    /// What has to happen.
    pub expect: Expectation,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Case {
    /// The right credential.
    Right,
    /// The credential accepted beside the right one while it is rotated (`NAME_PREVIOUS`).
    PreviousSecret,
    /// No credential in any carrier of any method.
    Missing,
    /// A credential of the right form that is another one: another secret, a MAC made with another key, an unknown token.
    Wrong,
    /// The carrier without a value. For a bearer token the scheme alone.
    Empty,
    /// The carrier with the right value, two times.
    Twice,
    /// A query parameter two times, its name percent-encoded the second time.
    TwiceEncoded,
    /// The right credential without its last byte. A MAC loses its last byte *before* it is encoded.
    Truncated,
    /// The right credential with one byte more.
    Extended,
    /// The right credential in a place that the route does not accept it in.
    WrongCarrier {
        /// Where.
        place: CarrierPlace,
        /// Name of the header or query parameter there.
        name: String,
    },
    /// The right token behind another scheme than `Bearer`.
    WrongScheme,
    /// The right token behind `bEARER`.
    SchemeSpeltOtherwise,
    /// The right value in this carrier, a wrong one in a later carrier of the method.
    WrongInLaterCarrier(usize),
    /// A wrong value in this carrier, the right one in a later carrier of the method.
    RightInLaterCarrier(usize),
    /// The right credential of this method, a wrong one of a later method.
    WrongInLaterMethod(usize),
    /// A wrong credential of this method, the right one of a later method.
    RightInLaterMethod(usize),
    /// One byte of the body altered after it was signed.
    ByteAltered,
    /// The signature in upper case (hexadecimal only).
    HexInCapitals,
    /// Several signatures in the header, the right one last.
    SecondSignatureRight,
    /// Signed longer ago than the tolerance.
    ExpiredTimestamp,
    /// Signed further in the future than the tolerance.
    FutureTimestamp,
    /// Another timestamp, inside the tolerance, put in after the message was signed.
    AlteredTimestamp,
    /// No timestamp.
    MissingTimestamp,
    /// Another message id put in after the message was signed.
    AlteredId,
    /// No message id.
    MissingId,
    /// A request that was let in, sent again byte for byte.
    Replayed,
    /// A session or API token that has expired.
    Expired,
    /// A session with the role just below the one asked for.
    LowerRole(Role),
    /// An API token with the scope just below the one asked for.
    LowerScope(Scope),
    /// A right session in a request that a browser marks as made by another site (`Sec-Fetch-Site: cross-site`).
    CrossSite,
    /// The right credential while the method's variable is unset; needs a service of its own.
    VariableUnset(String),
}

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// The guard lets the request through: whatever the handler answers, it is none of the statuses below.
    Admitted,
    /// Let through, and the effect is not taken a second time (the route has an idempotency key).
    AdmittedWithoutEffect,
    /// 401.
    Refused,
    /// 403.
    Forbidden,
    /// 503, naming the variable.
    Unconfigured,
}

impl Expectation {
    /// The status that the guard answers with; `None` when it lets the request through.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Admitted | Self::AdmittedWithoutEffect => None,
            Self::Refused => Some(401),
            Self::Forbidden => Some(403),
            Self::Unconfigured => Some(503),
        }
    }

    /// Whether an answer with this status is what is expected.
    pub fn holds(self, status: u16) -> bool {
        self.status().map_or(!matches!(status, 401 | 403 | 503), |expected| expected == status)
    }
}

impl fmt::Display for AuthCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = self.method {
            write!(formatter, "method {method}")?;
            self.carrier.iter().try_for_each(|carrier| write!(formatter, ", carrier {carrier}"))?;
            formatter.write_str(": ")?;
        }
        write!(formatter, "{:?} → {:?}", self.case, self.expect)
    }
}

/// Every check that the auth of a route implies. An open route has one: a request without a credential is let in.
pub fn auth_checks(route: &Route) -> Vec<AuthCheck> {
    let open = route.auth.is_empty();
    let expect = if open { Expectation::Admitted } else { Expectation::Refused };
    let mut checks = vec![AuthCheck { method: None, carrier: None, case: Case::Missing, expect }];
    for (index, method) in route.auth.iter().enumerate() {
        let mut cases = Vec::new();
        match method {
            AuthMethod::Secret { carriers, .. } => {
                for carrier in 0..carriers.len() {
                    secret_cases(route, index, carrier, &mut checks);
                }
            }
            AuthMethod::Bearer { .. } => bearer_cases(route, &mut cases),
            AuthMethod::Signature(signature) => signature_cases(route, signature, &mut cases),
            AuthMethod::Session { role } => session_cases(route, *role, &mut cases),
            AuthMethod::Token { scope } => token_cases(route, *scope, &mut cases),
            // These describe the other direction; the catalog puts none of them on a route.
            AuthMethod::Credential { .. }
            | AuthMethod::Connection { .. }
            | AuthMethod::Oidc { .. }
            | AuthMethod::External { .. } => continue,
        }
        if let Some(variable) = method.variable() {
            cases.push((Case::VariableUnset(variable.to_owned()), Expectation::Unconfigured));
        }
        later_methods(route, index, &mut cases);
        checks.extend(cases.into_iter().map(|(case, expect)| AuthCheck {
            method: Some(index),
            carrier: first_carrier(method),
            case,
            expect,
        }));
    }
    checks
}

type Cases = Vec<(Case, Expectation)>;

/// The cases that every method has.
fn common(route: &Route, cases: &mut Cases) {
    cases.push((Case::Right, Expectation::Admitted));
    for case in [Case::Wrong, Case::Empty, Case::Twice, Case::Truncated] {
        cases.push((case, Expectation::Refused));
    }
    let expect = match route.delivery.key {
        Some(_) => Expectation::AdmittedWithoutEffect,
        None => Expectation::Admitted,
    };
    cases.push((Case::Replayed, expect));
}

fn secret_cases(route: &Route, method: usize, carrier: usize, checks: &mut Vec<AuthCheck>) {
    let Some(AuthMethod::Secret { carriers, .. }) = route.auth.get(method) else { return };
    let own = &carriers[carrier];
    let mut cases = Vec::new();
    common(route, &mut cases);
    cases.push((Case::Extended, Expectation::Refused));
    cases.push((Case::PreviousSecret, Expectation::Admitted));
    if own.place == CarrierPlace::Query {
        cases.push((Case::TwiceEncoded, Expectation::Refused));
    }
    wrong_carrier(route, own.place, &own.name, &mut cases);
    for later in carrier + 1..carriers.len() {
        cases.push((Case::WrongInLaterCarrier(later), Expectation::Admitted));
        cases.push((Case::RightInLaterCarrier(later), Expectation::Refused));
    }
    checks.extend(cases.into_iter().map(|(case, expect)| AuthCheck {
        method: Some(method),
        carrier: Some(carrier),
        case,
        expect,
    }));
}

fn bearer_cases(route: &Route, cases: &mut Cases) {
    common(route, cases);
    cases.push((Case::Extended, Expectation::Refused));
    cases.push((Case::PreviousSecret, Expectation::Admitted));
    authorization_cases(route, cases);
}

fn token_cases(route: &Route, scope: Scope, cases: &mut Cases) {
    common(route, cases);
    cases.push((Case::Extended, Expectation::Refused));
    cases.push((Case::Expired, Expectation::Refused));
    authorization_cases(route, cases);
    let lower = match scope {
        Scope::Read => None,
        Scope::Write => Some(Scope::Read),
        Scope::Admin => Some(Scope::Write),
    };
    cases.extend(lower.map(|scope| (Case::LowerScope(scope), Expectation::Forbidden)));
}

fn authorization_cases(route: &Route, cases: &mut Cases) {
    cases.push((Case::WrongScheme, Expectation::Refused));
    cases.push((Case::SchemeSpeltOtherwise, Expectation::Admitted));
    wrong_carrier(route, CarrierPlace::Header, "access_token", cases);
}

fn session_cases(route: &Route, role: Role, cases: &mut Cases) {
    common(route, cases);
    cases.push((Case::Extended, Expectation::Refused));
    cases.push((Case::Expired, Expectation::Refused));
    wrong_carrier(route, CarrierPlace::Cookie, "mc_session", cases);
    let lower = match role {
        Role::Viewer => None,
        Role::Operator => Some(Role::Viewer),
        Role::Admin => Some(Role::Operator),
    };
    cases.extend(lower.map(|role| (Case::LowerRole(role), Expectation::Forbidden)));
    if route.method != Method::Get {
        cases.push((Case::CrossSite, Expectation::Forbidden));
    }
}

fn signature_cases(route: &Route, signature: &Signature, cases: &mut Cases) {
    common(route, cases);
    cases.push((Case::PreviousSecret, Expectation::Admitted));
    cases.push((Case::ByteAltered, Expectation::Refused));
    if signature.encoding == crate::catalog::MacEncoding::Hex {
        cases.push((Case::HexInCapitals, Expectation::Admitted));
    }
    if signature.shape.is_some() {
        cases.push((Case::SecondSignatureRight, Expectation::Admitted));
    }
    wrong_carrier(route, CarrierPlace::Header, &signature.header, cases);
    if signature.timestamp.is_some() {
        cases.push((Case::ExpiredTimestamp, Expectation::Refused));
        cases.push((Case::FutureTimestamp, Expectation::Refused));
        cases.push((Case::MissingTimestamp, Expectation::Refused));
    }
    if signature.payload.names(&PayloadPart::Timestamp) {
        cases.push((Case::AlteredTimestamp, Expectation::Refused));
    }
    if signature.payload.names(&PayloadPart::Id) {
        cases.push((Case::AlteredId, Expectation::Refused));
        cases.push((Case::MissingId, Expectation::Refused));
    }
}

/// The right credential somewhere else: what stands in a header goes to the query, what stands in the query or a cookie to a
/// header of that name, if no method of the route accepts anything there.
fn wrong_carrier(route: &Route, place: CarrierPlace, name: &str, cases: &mut Cases) {
    let (place, name) = match place {
        CarrierPlace::Header => (CarrierPlace::Query, name.to_ascii_lowercase()),
        CarrierPlace::Query | CarrierPlace::Cookie => (CarrierPlace::Header, format!("X-{}", name.replace('_', "-"))),
    };
    if !accepts(route, place, &name) {
        cases.push((Case::WrongCarrier { place, name }, Expectation::Refused));
    }
}

fn accepts(route: &Route, place: CarrierPlace, name: &str) -> bool {
    route.auth.iter().any(|method| match method {
        AuthMethod::Secret { carriers, .. } => {
            carriers.iter().any(|carrier| carrier.place == place && carrier.name.eq_ignore_ascii_case(name))
        }
        AuthMethod::Signature(signature) => place == CarrierPlace::Header && signature.header.eq_ignore_ascii_case(name),
        _ => false,
    })
}

/// Two methods in one request: the first that is present decides. `bearer` and `token` share a header and cannot meet.
fn later_methods(route: &Route, index: usize, cases: &mut Cases) {
    let shares = |method: &AuthMethod| matches!(method, AuthMethod::Bearer { .. } | AuthMethod::Token { .. });
    for (later, method) in route.auth.iter().enumerate().skip(index + 1) {
        if !method.guards() || (shares(&route.auth[index]) && shares(method)) || collide(&route.auth[index], method) {
            continue;
        }
        cases.push((Case::WrongInLaterMethod(later), Expectation::Admitted));
        cases.push((Case::RightInLaterMethod(later), Expectation::Refused));
    }
}

/// Whether the first carriers of two methods are the same place, so that they cannot be sent side by side.
fn collide(one: &AuthMethod, other: &AuthMethod) -> bool {
    let (Some(one), Some(other)) = (place_of(one), place_of(other)) else { return false };
    one.0 == other.0 && one.1.eq_ignore_ascii_case(other.1)
}

/// Where the credential of a method stands by default: its first carrier.
fn place_of(method: &AuthMethod) -> Option<(CarrierPlace, &str)> {
    match method {
        AuthMethod::Secret { carriers, .. } => carriers.first().map(|carrier| (carrier.place, carrier.name.as_str())),
        AuthMethod::Bearer { .. } | AuthMethod::Token { .. } => Some((CarrierPlace::Header, "authorization")),
        AuthMethod::Signature(signature) => Some((CarrierPlace::Header, &signature.header)),
        AuthMethod::Session { .. } => Some((CarrierPlace::Cookie, "mc_session")),
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            None
        }
    }
}

fn first_carrier(method: &AuthMethod) -> Option<usize> {
    matches!(method, AuthMethod::Secret { .. }).then_some(0)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use serde_json::Value;

    use super::*;
    use crate::{
        catalog::{
            Carrier, CarrierStatus, DeliveryMode, DeliveryPolicy, KeyEncoding, LimitPolicy, MacAlgorithm, MacEncoding, SignedTime,
        },
        handler::{Effect, HandlerInfo},
        template::{KeyExpression, SignatureShape, SignedPayload, Templates},
    };

    fn route(auth: Vec<AuthMethod>) -> Route {
        let second = Duration::from_secs(1);
        Route {
            contract: "demo".to_owned(),
            method: Method::Post,
            path: "/demo".to_owned(),
            params: Vec::new(),
            handler: Arc::new(HandlerInfo::new("engine.accept", "Accept", Effect::Write)),
            with: Value::Null,
            templates: Templates::compile(&Value::Null, &[]).expect("nothing to compile"),
            summary: "Accept".to_owned(),
            auth,
            own_auth: false,
            delivery: DeliveryPolicy {
                mode: DeliveryMode::Durable,
                key: Some(KeyExpression::compile("header.X-Delivery").expect("a key")),
                respond: 202,
                timeout: second,
                attempts: 1,
                first: second,
                max: second,
            },
            limits: LimitPolicy { body: 1024, rate: None, concurrency: None, timeout: second },
            alias_of: None,
            deprecated: None,
        }
    }

    fn secret() -> AuthMethod {
        let carrier =
            |place, name: &str| Carrier { place, name: name.to_owned(), status: CarrierStatus::Preferred, deprecated: None };
        AuthMethod::Secret {
            variable: "SECRET".to_owned(),
            carriers: vec![carrier(CarrierPlace::Header, "X-Secret"), carrier(CarrierPlace::Query, "secret")],
        }
    }

    fn signature() -> AuthMethod {
        AuthMethod::Signature(Box::new(Signature {
            variable: "KEY".to_owned(),
            preset: None,
            header: "webhook-signature".to_owned(),
            algorithm: MacAlgorithm::HmacSha256,
            encoding: MacEncoding::Base64,
            prefix: String::new(),
            payload: SignedPayload::parse("{id}.{timestamp}.{body}").expect("a payload"),
            timestamp: Some(SignedTime { header: Some("webhook-timestamp".to_owned()), tolerance: Duration::from_secs(300) }),
            id_header: Some("webhook-id".to_owned()),
            shape: Some(SignatureShape::parse("v1,{signature}").expect("a shape")),
            key: KeyEncoding::Whsec,
        }))
    }

    fn expected(checks: &[AuthCheck], method: Option<usize>, carrier: Option<usize>, case: &Case) -> Option<Expectation> {
        let mut found = checks.iter().filter(|check| check.method == method && check.carrier == carrier && check.case == *case);
        let expect = found.next().map(|check| check.expect);
        assert!(found.next().is_none(), "{case:?} is planned twice");
        expect
    }

    #[test]
    fn an_open_route_lets_everybody_in() {
        let checks = auth_checks(&route(Vec::new()));
        assert_eq!(checks.len(), 1);
        assert_eq!(expected(&checks, None, None, &Case::Missing), Some(Expectation::Admitted));
    }

    #[test]
    fn every_carrier_of_a_secret_has_the_whole_matrix() {
        let checks = auth_checks(&route(vec![secret()]));
        for carrier in [0, 1].map(Some) {
            for (case, expect) in [
                (Case::Right, Expectation::Admitted),
                (Case::PreviousSecret, Expectation::Admitted),
                (Case::Wrong, Expectation::Refused),
                (Case::Empty, Expectation::Refused),
                (Case::Twice, Expectation::Refused),
                (Case::Truncated, Expectation::Refused),
                (Case::Extended, Expectation::Refused),
                (Case::Replayed, Expectation::AdmittedWithoutEffect),
            ] {
                assert_eq!(expected(&checks, Some(0), carrier, &case), Some(expect), "{case:?}");
            }
        }
        assert_eq!(expected(&checks, None, None, &Case::Missing), Some(Expectation::Refused));
        let later = |case| expected(&checks, Some(0), Some(0), &case);
        assert_eq!(later(Case::WrongInLaterCarrier(1)), Some(Expectation::Admitted));
        assert_eq!(later(Case::RightInLaterCarrier(1)), Some(Expectation::Refused));
        assert_eq!(later(Case::VariableUnset("SECRET".to_owned())), Some(Expectation::Unconfigured));
        assert_eq!(expected(&checks, Some(0), Some(1), &Case::TwiceEncoded), Some(Expectation::Refused));
        let elsewhere = Case::WrongCarrier { place: CarrierPlace::Query, name: "x-secret".to_owned() };
        assert_eq!(later(elsewhere), Some(Expectation::Refused));
        // The query parameter's wrong place, `X-secret`, is the other carrier's right one.
        assert!(!checks.iter().any(|check| check.carrier == Some(1) && matches!(check.case, Case::WrongCarrier { .. })));
    }

    #[test]
    fn a_signature_is_checked_for_everything_it_covers() {
        let checks = auth_checks(&route(vec![signature(), secret()]));
        for case in [
            Case::ByteAltered,
            Case::ExpiredTimestamp,
            Case::FutureTimestamp,
            Case::MissingTimestamp,
            Case::AlteredTimestamp,
            Case::AlteredId,
            Case::MissingId,
            Case::RightInLaterMethod(1),
        ] {
            assert_eq!(expected(&checks, Some(0), None, &case), Some(Expectation::Refused), "{case:?}");
        }
        for case in [Case::SecondSignatureRight, Case::PreviousSecret, Case::WrongInLaterMethod(1)] {
            assert_eq!(expected(&checks, Some(0), None, &case), Some(Expectation::Admitted), "{case:?}");
        }
        assert_eq!(expected(&checks, Some(0), None, &Case::Replayed), Some(Expectation::AdmittedWithoutEffect));
        assert_eq!(expected(&checks, Some(0), None, &Case::HexInCapitals), None);
    }

    #[test]
    fn accounts_are_checked_for_what_they_may() {
        let bearer = AuthMethod::Bearer { variable: "TOKEN".to_owned() };
        let auth = vec![AuthMethod::Session { role: Role::Admin }, AuthMethod::Token { scope: Scope::Write }, bearer];
        let checks = auth_checks(&route(auth));
        let of = |method, case| expected(&checks, Some(method), None, &case);
        assert_eq!(of(0, Case::LowerRole(Role::Operator)), Some(Expectation::Forbidden));
        assert_eq!(of(0, Case::CrossSite), Some(Expectation::Forbidden));
        assert_eq!(of(1, Case::LowerScope(Scope::Read)), Some(Expectation::Forbidden));
        assert_eq!(of(1, Case::RightInLaterMethod(2)), None, "one header cannot carry both");
        assert_eq!(of(0, Case::RightInLaterMethod(2)), Some(Expectation::Refused));
    }

    #[test]
    fn an_expectation_knows_its_answers() {
        assert!(Expectation::Admitted.holds(422) && !Expectation::Admitted.holds(401));
        assert!(Expectation::Refused.holds(401) && !Expectation::Refused.holds(403));
        let check = AuthCheck { method: Some(0), carrier: Some(1), case: Case::Empty, expect: Expectation::Refused };
        assert_eq!(check.to_string(), "method 0, carrier 1: Empty → Refused");
    }
}

//! Auth: the methods of each contract, and which of them guard each route. An operation's own word comes first, then its
//! contract's, then its family's; a route that none of them guards and nobody declared open is a finding.

use std::collections::HashSet;

use super::{
    AuthMethod, Carrier, CarrierPlace, CarrierStatus, Direction, Stability, Stage,
    identity::Source,
    paths::{is_below, shape},
    routes::Operation,
    signature::{self, Presets},
};
use crate::{
    finding::{
        Finding,
        rules::{
            auth::{
                AUTH_EMPTY, AUTH_TWICE, CARRIER_CONTRADICTED, CARRIER_DUPLICATE, CARRIER_PREFERRED_IN_QUERY, CARRIER_RESERVED,
                CREDENTIAL_TWICE, CREDENTIAL_UNUSED, GUARD_WITHOUT_ROUTE, HEADER_NAME, ROUTE_UNGUARDED,
            },
            surface::FAMILY_DUPLICATE_AUTH,
        },
    },
    manifest::{
        model::{Auth, AuthMethod as Written, AuthWord, Carrier as WrittenCarrier, SignatureAuth, SurfaceItem},
        node::Cursor,
    },
};

/// Headers that are no place for a secret of one's own.
const RESERVED: [&str; 9] =
    ["authorization", "connection", "content-length", "content-type", "cookie", "host", "set-cookie", "te", "transfer-encoding"];

/// The auth of a contract as it was written.
pub(super) struct ContractAuth {
    pub(super) methods: Vec<AuthMethod>,
    /// Whether it is `none`.
    pub(super) open: bool,
    /// Whether it is `not defined yet`.
    pub(super) undefined: bool,
    /// Whether a method could not be used, which has been said.
    broken: bool,
}

/// The auth of each contract.
pub(super) fn methods(contracts: &[Source<'_>], presets: &Presets<'_>) -> Stage<Vec<ContractAuth>> {
    let mut findings = Vec::new();
    let all = contracts
        .iter()
        .map(|contract| {
            let auth = &contract.manifest().auth;
            let at = contract.cursor().key("auth");
            let methods = read(auth, presets, at, &mut findings);
            directions(contract, &methods, at, &mut findings);
            ContractAuth {
                broken: is_broken(auth, &methods),
                methods,
                open: matches!(auth, Auth::Word(AuthWord::None)),
                undefined: matches!(auth, Auth::Word(AuthWord::NotDefinedYet)),
            }
        })
        .collect();
    (all, findings)
}

/// Whether fewer methods can be used than were written.
fn is_broken(written: &Auth, methods: &[AuthMethod]) -> bool {
    matches!(written, Auth::Methods(written) if written.len() > methods.len() || written.is_empty())
}

/// Methods that fit neither the direction nor the surface.
fn directions(contract: &Source<'_>, methods: &[AuthMethod], at: Cursor<'_>, findings: &mut Vec<Finding>) {
    let manifest = contract.manifest();
    if manifest.stability == Stability::Planned {
        return;
    }
    let guarded = contract.items().any(|(_, item, _)| {
        matches!(
            item,
            SurfaceItem::Route(_) | SurfaceItem::Tool(_) | SurfaceItem::Family(_) | SurfaceItem::See(_) | SurfaceItem::Command(_)
        )
    });
    let first_guard = methods.iter().position(AuthMethod::guards);
    if let Some(position) = first_guard.filter(|_| !guarded) {
        let message = format!("`{}` guards nothing: the surface has no route or tool", methods[position].name());
        findings.push(Finding::new(&GUARD_WITHOUT_ROUTE, message).at(at.index(position).first_key_place()));
    }
    let outward = |method: &AuthMethod| matches!(method, AuthMethod::Credential { .. } | AuthMethod::Connection { .. });
    if let Some(position) = methods.iter().position(outward).filter(|_| manifest.direction == Direction::Inbound) {
        let message = format!("`{}` is for calls to the far side, and this contract is inbound", methods[position].name());
        findings.push(Finding::new(&CREDENTIAL_UNUSED, message).at(at.index(position).first_key_place()));
    }
}

/// Reads an auth in any of its places. Methods that cannot be used are reported and left out.
fn read(auth: &Auth, presets: &Presets<'_>, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Vec<AuthMethod> {
    let Auth::Methods(written) = auth else { return Vec::new() };
    if at.node().items().is_empty() {
        let finding = Finding::new(&AUTH_EMPTY, "the list of methods is empty").at(at.place());
        findings.push(finding.help("write `auth: none` when everybody may call"));
    }
    let mut methods: Vec<AuthMethod> = Vec::new();
    let mut carriers = HashSet::new();
    for (position, written) in written.iter().enumerate() {
        let at = at.index(position);
        let Some(method) = read_method(written, presets, at, findings) else { continue };
        if methods.contains(&method) {
            let message = format!("the same `{}` stands twice", method.name());
            findings.push(Finding::new(&AUTH_TWICE, message).at(at.first_key_place()));
            continue;
        }
        for (place, name, carrier_at) in places(&method, at) {
            if !carriers.insert((place, name.to_ascii_lowercase())) {
                let message = format!("`{name}` already carries the credential of a method before this one");
                findings.push(Finding::new(&CARRIER_DUPLICATE, message).at(carrier_at.place()));
            }
        }
        methods.push(method);
    }
    methods
}

/// Where a method looks for its credential.
fn places<'a, 'm>(method: &'m AuthMethod, at: Cursor<'a>) -> Vec<(CarrierPlace, &'m str, Cursor<'a>)> {
    match method {
        AuthMethod::Secret { carriers, .. } => carriers
            .iter()
            .enumerate()
            .map(|(position, carrier)| {
                let key = if carrier.place == CarrierPlace::Query { "query" } else { "header" };
                (carrier.place, carrier.name.as_str(), at.key("carriers").index(position).key(key))
            })
            .collect(),
        AuthMethod::Bearer { .. } => vec![(CarrierPlace::Header, "Authorization", at.key("bearer"))],
        AuthMethod::Token { .. } => vec![(CarrierPlace::Header, "Authorization", at.key("token"))],
        AuthMethod::Signature(signature) => {
            let at = if at.node().get("header").is_some() { at.key("header") } else { at.key("signature") };
            vec![(CarrierPlace::Header, signature.header.as_str(), at)]
        }
        AuthMethod::Session { .. } => vec![(CarrierPlace::Cookie, "session", at.key("session"))],
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            Vec::new()
        }
    }
}

fn read_method(written: &Written, presets: &Presets<'_>, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Option<AuthMethod> {
    Some(match written {
        Written::Secret(secret) => AuthMethod::Secret {
            variable: secret.secret.clone(),
            carriers: secret
                .carriers
                .iter()
                .enumerate()
                .map(|(position, written)| carrier(written, at.key("carriers").index(position), findings))
                .collect(),
        },
        Written::Bearer(bearer) => AuthMethod::Bearer { variable: bearer.bearer.clone() },
        Written::Signature(written) => {
            signature_headers(written, at, findings);
            AuthMethod::Signature(Box::new(signature::method(written, presets, at, findings)?))
        }
        Written::Session(session) => AuthMethod::Session { role: session.session },
        Written::Token(token) => AuthMethod::Token { scope: token.token },
        Written::Credential(credential) => {
            if let Some(header) = &credential.header {
                header_name(header, at.key("header"), findings);
                if credential.bearer {
                    let message = "the credential is sent in a header and as bearer";
                    findings.push(Finding::new(&CREDENTIAL_TWICE, message).at(at.key("bearer").key_place()));
                }
            }
            AuthMethod::Credential {
                variable: credential.credential.clone(),
                header: credential.header.clone(),
                bearer: credential.bearer,
            }
        }
        Written::Connection(connection) => AuthMethod::Connection { provider: connection.connection.clone() },
        Written::Oidc(oidc) => AuthMethod::Oidc { variable: oidc.oidc.clone() },
        Written::External(external) => AuthMethod::External { text: external.external.clone() },
    })
}

fn signature_headers(written: &SignatureAuth, at: Cursor<'_>, findings: &mut Vec<Finding>) {
    let named = [
        (written.header.as_ref(), at.key("header")),
        (written.timestamp.as_ref().and_then(|source| source.header.as_ref()), at.key("timestamp").key("header")),
        (written.id.as_ref().map(|source| &source.header), at.key("id").key("header")),
    ];
    for (name, at) in named {
        if let Some(name) = name {
            header_name(name, at, findings);
        }
    }
}

fn carrier(written: &WrittenCarrier, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Carrier {
    let (place, name, status, deprecated) = match written {
        WrittenCarrier::Header(carrier) => (CarrierPlace::Header, &carrier.header, carrier.status, &carrier.deprecated),
        WrittenCarrier::Query(carrier) => (CarrierPlace::Query, &carrier.query, carrier.status, &carrier.deprecated),
    };
    if place == CarrierPlace::Header && header_name(name, at.key("header"), findings) {
        reserved(name, at.key("header"), findings);
    }
    if place == CarrierPlace::Query && status == CarrierStatus::Preferred {
        let written = at.node().get("status").is_some();
        let at = if written { at.key("status") } else { at.key("query") };
        let message = format!("a secret in the query (`?{name}=`) is preferred");
        let finding = Finding::new(&CARRIER_PREFERRED_IN_QUERY, message).at(at.place());
        findings.push(finding.help("write `status: legacy`, and prefer a header"));
    } else if deprecated.is_some() && status == CarrierStatus::Preferred {
        let message = format!("the carrier `{name}` is preferred and deprecated");
        let finding = Finding::new(&CARRIER_CONTRADICTED, message).at(at.key("deprecated").key_place());
        findings.push(finding.help("write `status: legacy`"));
    }
    Carrier { place, name: name.clone(), status, deprecated: deprecated.clone() }
}

/// Whether the name of a header is one; a finding when it is not.
pub(super) fn header_name(name: &str, at: Cursor<'_>, findings: &mut Vec<Finding>) -> bool {
    if is_token(name) {
        return true;
    }
    let message = if name.is_empty() {
        "the name of the header is empty".to_owned()
    } else {
        format!("`{name}` is not the name of a header")
    };
    findings.push(Finding::new(&HEADER_NAME, message).at(at.place()));
    false
}

/// A token as RFC 9110 section 5.6.2 has it.
pub(super) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn reserved(name: &str, at: Cursor<'_>, findings: &mut Vec<Finding>) {
    let lower = name.to_ascii_lowercase();
    if !RESERVED.contains(&lower.as_str()) {
        return;
    }
    let finding = Finding::new(&CARRIER_RESERVED, format!("`{name}` has a meaning of its own")).at(at.place());
    findings.push(match lower.as_str() {
        "authorization" => finding.help("use the method `bearer`"),
        "cookie" => finding.help("use the method `session`"),
        _ => finding.help("use a header of the vendor's, as `X-Vendor-Token`"),
    });
}

/// A family that states an auth.
struct FamilyAuth<'a> {
    pattern: &'a str,
    open: bool,
    methods: Vec<AuthMethod>,
    contract: &'a str,
}

/// The methods that guard each operation; none when it is open on purpose.
pub(super) fn guards(
    contracts: &[Source<'_>],
    operations: &[Operation<'_>],
    auth: &[ContractAuth],
    presets: &Presets<'_>,
) -> Stage<Vec<Vec<AuthMethod>>> {
    let mut findings = Vec::new();
    let families = families(contracts, presets, &mut findings);
    let all = operations
        .iter()
        .map(|operation| {
            let own = operation.detail.and_then(|detail| detail.auth.as_ref());
            let of_contract = &auth[operation.contract];
            let (excused, methods) = match own {
                Some(own) => {
                    let methods = read(own, presets, operation.at.key("auth"), &mut findings);
                    (matches!(own, Auth::Word(AuthWord::None)) || is_broken(own, &methods), guarding(&methods))
                }
                None => {
                    let methods = guarding(&of_contract.methods);
                    let settled = of_contract.open || of_contract.undefined || of_contract.broken;
                    if settled || !methods.is_empty() { (settled, methods) } else { of_family(operation, &families) }
                }
            };
            if methods.is_empty() && !excused {
                let place = if own.is_some() { operation.at.key("auth").key_place() } else { operation.at.key_place() };
                let message = format!("nothing guards {} {}", operation.method.as_str(), operation.path);
                let finding = Finding::new(&ROUTE_UNGUARDED, message).at(place);
                findings.push(finding.help(
                    "add a method (`secret bearer signature session token`), or write `auth: none` when everybody may call",
                ));
            }
            methods
        })
        .collect();
    (all, findings)
}

fn guarding(methods: &[AuthMethod]) -> Vec<AuthMethod> {
    methods.iter().filter(|method| method.guards()).cloned().collect()
}

fn families<'a>(contracts: &[Source<'a>], presets: &Presets<'_>, findings: &mut Vec<Finding>) -> Vec<FamilyAuth<'a>> {
    let mut families: Vec<FamilyAuth<'a>> = Vec::new();
    for contract in contracts {
        for (_, item, at) in contract.items() {
            let SurfaceItem::Family(family) = item else { continue };
            let Some(auth) = &family.auth else { continue };
            let methods = guarding(&read(auth, presets, at.key("auth"), findings));
            let open = matches!(auth, Auth::Word(AuthWord::None));
            if let Some(other) = families.iter().find(|other| shape(other.pattern) == shape(&family.family)) {
                let message = format!("`{}` also states an auth for this family", other.contract);
                findings.push(Finding::new(&FAMILY_DUPLICATE_AUTH, message).at(at.key("auth").key_place()));
                continue;
            }
            families.push(FamilyAuth { pattern: &family.family, open, methods, contract: &contract.manifest().id });
        }
    }
    // The narrowest family comes first.
    families.sort_by_key(|family| std::cmp::Reverse((family.pattern.matches('/').count(), family.pattern.len())));
    families
}

fn of_family(operation: &Operation<'_>, families: &[FamilyAuth<'_>]) -> (bool, Vec<AuthMethod>) {
    let family = families.iter().find(|family| is_below(operation.path, family.pattern));
    family.map_or((false, Vec::new()), |family| (family.open, family.methods.clone()))
}

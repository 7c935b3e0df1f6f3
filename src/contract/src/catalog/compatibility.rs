//! Deprecations: that their dates exist, come in order, and have not passed.

use jiff::civil::Date;

use super::{Deprecation, identity::Source, routes::Mounts};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::compatibility::{SINCE_MALFORMED, SUNSET_BEFORE_SINCE, SUNSET_MALFORMED, SUNSET_PAST, USE_UNKNOWN},
    },
    manifest::{
        model::{Auth, AuthMethod, Carrier, Operation, SurfaceItem},
        node::Cursor,
    },
};

pub(super) fn check(contracts: &[Source<'_>], mounts: &Mounts<'_>, today: Option<Date>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for contract in contracts {
        for (deprecation, at) in deprecations(contract) {
            check_one(deprecation, at, today, &mut findings);
            replacement(deprecation, at, mounts, &mut findings);
        }
    }
    findings
}

/// Every deprecation of a contract: of carriers and of aliases.
fn deprecations<'a>(contract: &Source<'a>) -> Vec<(&'a Deprecation, Cursor<'a>)> {
    let mut all = Vec::new();
    of_auth(&contract.manifest().auth, contract.cursor().key("auth"), &mut all);
    for (_, item, at) in contract.items() {
        match item {
            SurfaceItem::Route(route) => {
                for (position, alias) in route.aliases.iter().enumerate() {
                    let at = at.key("aliases").index(position).key("deprecated");
                    all.extend(alias.deprecated.as_ref().map(|deprecation| (deprecation, at)));
                }
                let operations = [
                    ("get", &route.get),
                    ("post", &route.post),
                    ("put", &route.put),
                    ("patch", &route.patch),
                    ("delete", &route.delete),
                ];
                for (key, operation) in operations {
                    if let Some(Operation::Detailed(detail)) = operation
                        && let Some(auth) = &detail.auth
                    {
                        of_auth(auth, at.key(key).key("auth"), &mut all);
                    }
                }
            }
            SurfaceItem::Family(family) => {
                if let Some(auth) = &family.auth {
                    of_auth(auth, at.key("auth"), &mut all);
                }
            }
            _ => {}
        }
    }
    all
}

fn of_auth<'a>(auth: &'a Auth, at: Cursor<'a>, all: &mut Vec<(&'a Deprecation, Cursor<'a>)>) {
    let Auth::Methods(methods) = auth else { return };
    for (position, method) in methods.iter().enumerate() {
        let AuthMethod::Secret(secret) = method else { continue };
        let at = at.index(position).key("carriers");
        for (position, carrier) in secret.carriers.iter().enumerate() {
            let deprecated = match carrier {
                Carrier::Header(carrier) => &carrier.deprecated,
                Carrier::Query(carrier) => &carrier.deprecated,
            };
            all.extend(deprecated.as_ref().map(|deprecation| (deprecation, at.index(position).key("deprecated"))));
        }
    }
}

fn check_one(deprecation: &Deprecation, at: Cursor<'_>, today: Option<Date>, findings: &mut Vec<Finding>) {
    let since = day(&deprecation.since);
    if since.is_none() && !is_version(&deprecation.since) {
        let message = format!("`{}` is neither a version nor a date", deprecation.since);
        let finding = Finding::new(&SINCE_MALFORMED, message).at(at.key("since").place());
        findings.push(finding.help("write a version as `2.0.0` or a date as `2026-11-01`"));
    }
    let Some(text) = &deprecation.sunset else { return };
    let place = at.key("sunset").place();
    let Some(sunset) = day(text) else {
        let message = format!("`{text}` is not a day that exists");
        findings.push(Finding::new(&SUNSET_MALFORMED, message).at(place));
        return;
    };
    if since.is_some_and(|since| sunset < since) {
        let message = format!("it goes on {sunset}, before it is deprecated on {}", deprecation.since);
        findings.push(Finding::new(&SUNSET_BEFORE_SINCE, message).at(place));
    } else if today.is_some_and(|today| sunset < today) {
        let message = format!("the last day of service was {sunset}");
        findings.push(Finding::new(&SUNSET_PAST, message).at(place).help("take it out, or set a later day"));
    }
}

/// A path among what to use instead should be mounted.
fn replacement(deprecation: &Deprecation, at: Cursor<'_>, mounts: &Mounts<'_>, findings: &mut Vec<Finding>) {
    let Some(path) =
        deprecation.replacement.as_deref().and_then(|text| text.split_whitespace().find(|word| word.starts_with('/')))
    else {
        return;
    };
    if mounts.at(path).is_none() && mounts.answering(path).is_none() {
        let finding = Finding::new(&USE_UNKNOWN, format!("nobody mounts `{path}`")).at(at.key("use").place());
        findings.push(match did_you_mean(path, mounts.by_shape.values().map(|mount| mount.path)) {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}

fn day(text: &str) -> Option<Date> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shaped.then(|| text.parse().ok()).flatten()
}

fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    let canonical = |number: &&str| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && (number.len() == 1 || !number.starts_with('0'))
    };
    numbers.len() == 3 && numbers.iter().all(canonical)
}

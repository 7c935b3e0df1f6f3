//! Methods of auth in words, for the pages.

use super::{
    discovery,
    markdown::{Table, code, text},
    words,
};
use crate::catalog::{AuthMethod, Contract};

/// One line of Markdown for a method.
pub(super) fn line(method: &AuthMethod) -> String {
    match method {
        AuthMethod::Secret { variable, .. } => format!("shared secret in {}", code(variable)),
        AuthMethod::Bearer { variable } => format!("bearer token equal to {}", code(variable)),
        AuthMethod::Signature(signature) => {
            let preset = signature.preset.as_ref().map(|name| format!(", preset {}", code(name))).unwrap_or_default();
            format!("signature in header {} under the key in {}{preset}", code(&signature.header), code(&signature.variable))
        }
        AuthMethod::Session { role } => format!("operator session cookie, at least {}", words::role(*role)),
        AuthMethod::Token { scope } => format!("API token of this service with the scope {}", words::scope(*scope)),
        AuthMethod::Credential { variable, header, bearer } => {
            let sent = match (header, bearer) {
                (Some(header), _) => format!(", sent in header {}", code(header)),
                (None, true) => ", sent as bearer".to_owned(),
                (None, false) => String::new(),
            };
            format!("credential in {}{sent}", code(variable))
        }
        AuthMethod::Connection { provider } => format!("connection to {} stored for each project", text(provider)),
        AuthMethod::Oidc { variable } => format!("OpenID sign-in at the issuer in {}", code(variable)),
        AuthMethod::External { text: words } => format!("enforced outside this service: {}", text(words)),
    }
}

/// The lines of a contract's methods; `none` and `not defined yet` are lines too.
pub(super) fn lines(contract: &Contract) -> Vec<String> {
    if contract.auth_undefined {
        return vec!["not defined yet".to_owned()];
    }
    if contract.auth.is_empty() {
        return vec!["none".to_owned()];
    }
    contract.auth.iter().map(line).collect()
}

/// The lines of a list of methods in one.
pub(super) fn sentence(methods: &[AuthMethod]) -> String {
    if methods.is_empty() {
        return "none".to_owned();
    }
    methods.iter().map(line).collect::<Vec<_>>().join("; or ")
}

/// How secrets travel: `preferred header X-Name`, one line for each carrier of a shared secret.
pub(super) fn transports(contract: &Contract) -> Vec<String> {
    let secrets = contract.auth.iter().filter(|method| matches!(method, AuthMethod::Secret { .. }));
    secrets
        .flat_map(discovery::carriers)
        .map(|carrier| {
            let name = match carrier.place {
                crate::catalog::CarrierPlace::Query => format!("?{}=", carrier.name),
                _ => carrier.name.clone(),
            };
            let mut line = format!("{} {} {}", words::carrier_status(carrier.status), words::place(carrier.place), code(&name));
            if let Some(deprecation) = &carrier.deprecated {
                line.push_str(&format!(" ({})", text(&words::deprecation(deprecation))));
            }
            line
        })
        .collect()
}

/// Every method with every carrier as a table; the order is the order of trying.
pub(super) fn table(methods: &[AuthMethod]) -> String {
    let mut table = Table::new(&["Order", "Method", "Variable", "Carrier", "Status", "Remark"]);
    for (index, method) in methods.iter().enumerate() {
        let order = (index + 1).to_string();
        let variable = method.variable().map(code).unwrap_or_default();
        let carriers = discovery::carriers(method);
        if carriers.is_empty() {
            table.row([order, method.name().to_owned(), variable, String::new(), String::new(), line(method)]);
            continue;
        }
        for carrier in carriers {
            let remark = match &carrier.deprecated {
                Some(deprecation) => text(&words::deprecation(deprecation)),
                None => remark(method),
            };
            table.row([
                order.clone(),
                method.name().to_owned(),
                variable.clone(),
                format!("{} {}", words::place(carrier.place), code(&carrier.name)),
                words::carrier_status(carrier.status).to_owned(),
                remark,
            ]);
        }
    }
    table.finish()
}

fn remark(method: &AuthMethod) -> String {
    match method {
        AuthMethod::Session { role } => format!("at least {}", words::role(*role)),
        AuthMethod::Token { scope } => format!("scope {}", words::scope(*scope)),
        AuthMethod::Signature(signature) => {
            let mut remark = format!(
                "{} over {}, {}, sent as {}",
                words::algorithm(signature.algorithm),
                code(&signature.payload.to_string()),
                words::encoding(signature.encoding),
                code(&discovery::signature_format(signature)),
            );
            if let Some(header) = &signature.id_header {
                remark.push_str(&format!("; message id in {}", code(header)));
            }
            if let Some(time) = &signature.timestamp {
                if let Some(header) = &time.header {
                    remark.push_str(&format!("; time of signing in {}", code(header)));
                }
                remark.push_str(&format!("; at most {} from now", words::duration(time.tolerance)));
            }
            remark
        }
        AuthMethod::Secret { .. }
        | AuthMethod::Bearer { .. }
        | AuthMethod::Credential { .. }
        | AuthMethod::Connection { .. }
        | AuthMethod::Oidc { .. }
        | AuthMethod::External { .. } => String::new(),
    }
}

//! `docs/reference/contracts/`: one page for each contract, and their index.

mod curl;
mod sequence;

use super::{
    auth_words, examples, fabric, integrations,
    markdown::{self, Table, code, list, text},
    routes_of, words,
};
use crate::catalog::{AuthMethod, Catalog, Contract, DeliveryMode, ResolvedExample, Route, Stability, SurfaceItem};

/// `docs/reference/contracts/<id>.md`.
pub fn contract_page(contract: &Contract, catalog: &Catalog) -> String {
    let mut page = markdown::generated(&format!("`contracts/{}/{}.yaml`", contract.section, contract.id));
    page.push_str(&format!("# {}\n\n", text(&contract.name)));
    page.push_str(&list(std::iter::once(format!("**Id:** {}", code(&contract.id))).chain(integrations::fields(contract))));
    page.push('\n');
    if contract.stability == Stability::Planned {
        page.push_str("This contract is planned. Its id is reserved, and nothing of it is mounted.\n\n");
    }
    for part in [
        routes(contract),
        family(contract),
        auth(contract),
        limits(contract),
        delivery(contract),
        environment(contract, catalog),
        sequence::section(contract),
        shown_examples(contract),
        deprecations(contract),
    ] {
        page.push_str(&part);
    }
    page.push_str("[All contracts](README.md)\n");
    page
}

/// `docs/reference/contracts/README.md`.
pub fn contract_index(catalog: &Catalog) -> String {
    let mut page = markdown::generated("`contracts/`");
    page.push_str(&format!(
        "# Contracts of {}\n\nOne page for each contract. The whole document is [INTEGRATIONS.md](../../INTEGRATIONS.md).\n\n",
        text(&catalog.service.title)
    ));
    for (section, title) in &catalog.service.sections {
        let mut table = Table::new(&["Contract", "Direction", "Type", "Stability", "Routes"]);
        let mut any = false;
        for contract in catalog.contracts.iter().filter(|contract| &contract.section == section) {
            any = true;
            let routes = routes_of(contract).filter(|route| route.alias_of.is_none()).count();
            table.row([
                format!("[{}]({}.md)", text(&contract.name), contract.id),
                words::direction(contract.direction).to_owned(),
                words::kind(contract.kind).to_owned(),
                words::stability(contract.stability).to_owned(),
                routes.to_string(),
            ]);
        }
        if any {
            page.push_str(&format!("## {}\n\n{}\n", text(title), table.finish()));
        }
    }
    page
}

fn section(title: &str, content: &str) -> String {
    if content.is_empty() { String::new() } else { format!("## {title}\n\n{content}\n") }
}

fn routes(contract: &Contract) -> String {
    let mut table = Table::new(&["Method", "Path", "Handler", "Does", "Auth", "Remark"]);
    let mut any = false;
    for route in routes_of(contract) {
        any = true;
        let auth =
            if route.own_auth || route.auth.is_empty() { auth_words::sentence(&route.auth) } else { "as below".to_owned() };
        table.row([
            route.method.as_str().to_owned(),
            code(&route.path),
            format!("[{}](../handlers.md#{})", code(route.handler.name), anchor(route.handler.name)),
            text(&route.summary),
            auth,
            route_remark(route),
        ]);
    }
    if any { section("Routes", &table.finish()) } else { String::new() }
}

/// The anchor of a heading that is a handler's name in code: lower case, punctuation but `-` and `_` dropped.
fn anchor(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

fn route_remark(route: &Route) -> String {
    match (&route.alias_of, &route.deprecated) {
        (Some(canonical), Some(deprecation)) => {
            format!("alias of {}, {}", code(canonical), text(&words::deprecation(deprecation)))
        }
        (Some(canonical), None) => format!("alias of {}", code(canonical)),
        (None, Some(deprecation)) => text(&words::deprecation(deprecation)),
        (None, None) => String::new(),
    }
}

/// The routes found below a family, whichever contract mounts them.
fn family(contract: &Contract) -> String {
    contract
        .surface
        .iter()
        .filter_map(|item| match item {
            SurfaceItem::Family { pattern, routes } => Some((pattern, routes)),
            _ => None,
        })
        .map(|(pattern, routes)| section(&format!("Family {}", code(pattern)), &list(routes.iter().map(|route| code(route)))))
        .collect()
}

fn auth(contract: &Contract) -> String {
    if contract.auth.is_empty() {
        return String::new();
    }
    let mut content = auth_words::table(&contract.auth);
    let guarding = || contract.auth.iter().filter(|method| method.guards());
    if guarding().next().is_some() {
        content.push_str(
            "\nThe first method whose carrier is present decides, and within a method the first carrier present. A wrong \
             credential is refused there; a carrier sent twice is refused.\n",
        );
    }
    if guarding().any(|method| method.variable().is_some()) {
        content.push_str(
            "\n`NAME_PREVIOUS` is accepted beside a secret `NAME` while it is being rotated. While a secret is unset the \
             routes answer 503.\n",
        );
    }
    section("Auth", &content)
}

fn limits(contract: &Contract) -> String {
    let mut table = Table::new(&["Route", "Body", "Rate for each caller", "At the same time", "Time"]);
    let mut any = false;
    for route in routes_of(contract).filter(|route| route.alias_of.is_none()) {
        any = true;
        let limits = &route.limits;
        table.row([
            code(&format!("{} {}", route.method.as_str(), route.path)),
            words::bytes(limits.body),
            limits
                .rate
                .map_or_else(|| "unlimited".to_owned(), |rate| format!("{} in {}", rate.count, words::duration(rate.period))),
            limits.concurrency.map_or_else(|| "unlimited".to_owned(), |most| most.to_string()),
            words::duration(limits.timeout),
        ]);
    }
    if any { section("Limits", &table.finish()) } else { String::new() }
}

fn delivery(contract: &Contract) -> String {
    let mut table = Table::new(&["Route", "Mode", "Idempotency key", "Answer", "Attempts", "Delays", "Time of an attempt"]);
    let mut any = false;
    let noteworthy = |route: &&Route| route.delivery.mode == DeliveryMode::Durable || route.delivery.key.is_some();
    for route in routes_of(contract).filter(|route| route.alias_of.is_none()).filter(noteworthy) {
        any = true;
        let (policy, durable) = (&route.delivery, route.delivery.mode == DeliveryMode::Durable);
        let only = |value: String| if durable { value } else { String::new() };
        table.row([
            code(&format!("{} {}", route.method.as_str(), route.path)),
            words::delivery_mode(policy.mode).to_owned(),
            policy.key.as_ref().map(|key| code(&key.source())).unwrap_or_default(),
            only(policy.respond.to_string()),
            only(policy.attempts.to_string()),
            only(format!("{} to {}", words::duration(policy.first), words::duration(policy.max))),
            only(words::duration(policy.timeout)),
        ]);
    }
    let mut content = if any { table.finish() } else { String::new() };
    if contract.surface.iter().any(|item| matches!(item, SurfaceItem::Call(_))) {
        let policy = &contract.delivery;
        content.push_str(&format!(
            "{}Outgoing events are delivered at least once, in order for each subject: up to {} attempts of {}, {} to {} \
             apart.\n",
            if any { "\n" } else { "" },
            policy.attempts,
            words::duration(policy.timeout),
            words::duration(policy.first),
            words::duration(policy.max),
        ));
    }
    section("Delivery", &content)
}

fn environment(contract: &Contract, catalog: &Catalog) -> String {
    let mut names = contract.declares.clone();
    names.extend(contract.needs.iter().filter(|name| !contract.declares.contains(name)).cloned());
    if names.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["Variable", "Needed", "Secret", "Default", "Meaning"]);
    for variable in names.iter().filter_map(|name| catalog.variables.get(name)) {
        table.row([
            code(&variable.name),
            if variable.required {
                "to start"
            } else if contract.needs.contains(&variable.name) {
                "by this contract"
            } else {
                "no"
            }
            .to_owned(),
            if variable.secret { "yes" } else { "no" }.to_owned(),
            variable.default.as_deref().map(code).unwrap_or_default(),
            text(&variable.description),
        ]);
    }
    section("Environment", &table.finish())
}

/// The shell command that sends an example, its credentials taken from variables.
pub fn example_command(contract: &Contract, example: &ResolvedExample) -> String {
    curl::command(example, examples::route_of(contract, example))
}

fn shown_examples(contract: &Contract) -> String {
    if contract.examples.is_empty() {
        return String::new();
    }
    let mut content = "The commands run in the root of the repository and take the address of the service from \
                       `MISSION_CONTROL_URL`, as `http://127.0.0.1:8080`.\n"
        .to_owned();
    if routes_of(contract).flat_map(|route| &route.auth).any(|method| matches!(method, AuthMethod::Token { .. })) {
        content.push_str("`mission-control operator token create` makes the token for `MISSION_CONTROL_TOKEN`.\n");
    }
    for example in &contract.examples {
        let expectation = &example.example.expect;
        content.push_str(&format!("\n### {}\n\n", text(&example.example.name)));
        content.push_str(&markdown::block("sh", &example_command(contract, example)));
        content.push_str(&format!("\nAnswers {}", expectation.status));
        for (index, (pointer, value)) in expectation.body.iter().enumerate() {
            let joint = if index == 0 { ", with" } else { " and" };
            content.push_str(&format!("{joint} {} at {}", code(&value.to_string()), code(pointer)));
        }
        content.push_str(".\n");
    }
    section("Examples", &content)
}

fn deprecations(contract: &Contract) -> String {
    let mut table = Table::new(&["Surface", "Since", "Served until", "Use"]);
    let mut any = false;
    for entry in fabric::deprecations(contract) {
        any = true;
        table.row([
            code(&entry.surface),
            text(&entry.since),
            entry.sunset.as_deref().map(text).unwrap_or_default(),
            entry.replacement.as_deref().map(text).unwrap_or_default(),
        ]);
    }
    if !any {
        return String::new();
    }
    let note = "\nAnswers to such uses carry `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and, where a path replaces them, a \
                `Link` to it; uses are counted by contract, surface and caller.\n";
    section("Deprecations", &format!("{}{note}", table.finish()))
}

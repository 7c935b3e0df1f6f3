//! `contracts.*`: the catalog for operators, and its reload.

use async_trait::async_trait;
use contract::{
    handler::{Effect, HandlerInfo, ReplyInfo},
    publish,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    handler::{Context, Handler, Reply, Request},
    problem::{Problem, ProblemKind},
    reload::ReloadOutcome,
};

#[derive(Debug, Serialize, JsonSchema)]
struct ContractList {
    /// The contracts in the catalog's order.
    items: Vec<publish::ContractEntry>,
    /// Always null: the list comes whole.
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Reloaded {
    /// `swapped` or `unchanged`.
    outcome: ReloadOutcome,
    /// Digest of the catalog that answers from now on.
    digest: String,
}

impl JsonSchema for ReloadOutcome {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReloadOutcome".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "enum": ["started", "swapped", "unchanged", "refused"]})
    }
}

/// `contracts.list`.
pub struct List;

#[async_trait]
impl Handler for List {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Every contract of the catalog with its state, as `/contractz` publishes it.",
            replies: vec![ReplyInfo::json::<ContractList>(200, "The contracts")],
            ..HandlerInfo::new("contracts.list", "List the contracts", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, _: &Request) -> Result<Reply, Problem> {
        let environment = context.engine.environment();
        let items = context
            .mounted()
            .catalog
            .contracts
            .iter()
            .map(|contract| publish::contract_entry(contract, &|name| environment.is_set(name)));
        Reply::json(StatusCode::OK, &ContractList { items: items.collect(), next_cursor: None })
    }
}

/// `contracts.show`.
pub struct Show;

#[async_trait]
impl Handler for Show {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "One contract of the catalog with its state.",
            params: &[("contract_id", "Id of the contract")],
            replies: vec![ReplyInfo::json::<publish::ContractEntry>(200, "The contract")],
            problems: &[(404, "There is no contract of this id")],
            ..HandlerInfo::new("contracts.show", "Show a contract", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let id = request.param("contract_id")?;
        let mounted = context.mounted();
        let contract = mounted.catalog.contract(id).ok_or_else(|| Problem::not_found(format!("There is no contract `{id}`")))?;
        let environment = context.engine.environment();
        Reply::json(StatusCode::OK, &publish::contract_entry(contract, &|name| environment.is_set(name)))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct DeprecatedUseList {
    /// By contract, surface and caller.
    items: Vec<DeprecatedUseItem>,
    /// Always null: the list comes whole.
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DeprecatedUseItem {
    /// Id of the contract.
    contract: String,
    /// What was used: a legacy carrier or a deprecated alias.
    surface: String,
    /// Who used it, as far as its guard can tell.
    caller: String,
    /// How often.
    count: u64,
    /// The first time.
    #[schemars(with = "String")]
    first_at: jiff::Timestamp,
    /// The last time.
    #[schemars(with = "String")]
    last_at: jiff::Timestamp,
}

/// `contracts.deprecated_uses`.
pub struct ListDeprecatedUses;

#[async_trait]
impl Handler for ListDeprecatedUses {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Who still uses legacy carriers and deprecated aliases, how often and since when, so that they can be told before these go. \
                          Uses are counted in memory and written within a minute.",
            replies: vec![ReplyInfo::json::<DeprecatedUseList>(200, "The uses")],
            ..HandlerInfo::new("contracts.deprecated_uses", "List the uses of what is deprecated", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, _: &Request) -> Result<Reply, Problem> {
        let uses = context.engine.storage().deprecated_uses().await?;
        let items = uses.into_iter().map(|used| DeprecatedUseItem {
            contract: used.contract,
            surface: used.surface,
            caller: used.caller,
            count: used.count,
            first_at: used.first_at,
            last_at: used.last_at,
        });
        Reply::json(StatusCode::OK, &DeprecatedUseList { items: items.collect(), next_cursor: None })
    }
}

/// `contracts.reload`.
pub struct Reload;

#[async_trait]
impl Handler for Reload {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Reads the contracts folder and the secrets anew, as SIGHUP does. A folder with errors changes nothing; the problem then \
                          carries the report of `mission-control check`.",
            replies: vec![ReplyInfo::json::<Reloaded>(200, "The catalog that answers from now on")],
            problems: &[(409, "The folder has errors; the earlier catalog goes on")],
            ..HandlerInfo::new("contracts.reload", "Reload the contracts", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, _: &Request) -> Result<Reply, Problem> {
        let last = context.engine.reload().await?;
        if last.outcome == ReloadOutcome::Refused {
            let detail = format!("The contracts folder has {} errors; the earlier catalog goes on", last.errors);
            return Err(Problem::new(ProblemKind::Conflict, detail).with("report", last.report.as_str()));
        }
        context.audit("contracts.reloaded", "catalog", &last.digest, serde_json::json!({"outcome": last.outcome})).await?;
        Reply::json(StatusCode::OK, &Reloaded { outcome: last.outcome, digest: last.digest.clone() })
    }
}

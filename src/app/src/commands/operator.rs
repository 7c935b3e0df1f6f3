//! `mission-control operator`: who may use the service: operators, and API tokens for programs. A token's text is shown once,
//! when it is made; the database keeps its SHA-256 alone.

use anyhow::{bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use contract::catalog::{Scope as CatalogScope, units::parse_duration};
use engine::guard;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::{ApiToken, Store};
use uuid::Uuid;

use crate::{
    database,
    output::{self, Cell, Look, Tone, word},
    wiring,
};

/// The contract whose routes operators and tokens open; audit entries name it.
const CONTRACT: &str = "frontend-to-backend";

/// List operators, and make, list and revoke API tokens
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control operator list\n  mission-control operator token create ci --scope read")]
pub(crate) struct Operator {
    #[command(subcommand)]
    command: OperatorCommand,
}

#[derive(Debug, Subcommand)]
enum OperatorCommand {
    /// List the operators with their roles
    #[command(after_help = "Example:\n  mission-control operator list --json")]
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Make, list and revoke API tokens
    #[command(after_help = "Example:\n  mission-control operator token create ci --scope write --expires 30d")]
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; its text is shown this once
    #[command(after_help = "Example:\n  mission-control operator token create ci --scope write --expires 30d")]
    Create {
        /// What the token is for
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        scope: Scope,
        /// How long it is good for, as 30d or 12h; for ever when left out
        #[arg(long, value_name = "DURATION")]
        expires: Option<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// List the tokens, revoked and expired ones included; their texts are not kept
    #[command(after_help = "Example:\n  mission-control operator token list")]
    List {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// End a token at once
    #[command(after_help = "Example:\n  mission-control operator token revoke 0198c0de-0000-7000-8000-000000000000")]
    Revoke {
        /// Id of the token, as `operator token list` shows it
        #[arg(value_name = "ID")]
        id: Uuid,
    },
}

/// What a token may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// Read
    Read,
    /// Read and write
    Write,
    /// Also administer the service
    Admin,
}

impl From<Scope> for CatalogScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Write => Self::Write,
            Scope::Admin => Self::Admin,
        }
    }
}

impl Operator {
    /// Runs the command below this one.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        match self.command {
            OperatorCommand::List { json } => database::run(list_operators(json)),
            OperatorCommand::Token { command: TokenCommand::Create { name, scope, expires, json } } => {
                let expires = expires.as_deref().map(|text| expiry(text, Timestamp::now())).transpose()?;
                database::run(create_token(name.trim(), scope.into(), expires, json))
            }
            OperatorCommand::Token { command: TokenCommand::List { json } } => database::run(list_tokens(json)),
            OperatorCommand::Token { command: TokenCommand::Revoke { id } } => database::run(revoke_token(id)),
        }
    }
}

#[derive(Debug, Serialize)]
struct OperatorRow {
    id: Uuid,
    name: String,
    role: String,
    created_at: Timestamp,
}

async fn list_operators(json: bool) -> anyhow::Result<bool> {
    let store = database::ready().await?;
    let rows: Vec<OperatorRow> = store
        .operators()
        .await?
        .into_iter()
        .map(|operator| OperatorRow {
            id: operator.id,
            name: operator.name,
            role: word(&operator.role),
            created_at: operator.created_at,
        })
        .collect();
    if json {
        output::print_json(&rows)?;
    } else if rows.is_empty() {
        output::note("there are no operators yet");
    } else {
        let cells = |row: OperatorRow| -> Vec<Cell> {
            vec![row.name.into(), row.role.into(), minute(row.created_at).into(), row.id.to_string().into()]
        };
        output::print(&output::table(
            &["NAME", "ROLE", "CREATED (UTC)", "ID"],
            rows.into_iter().map(cells).collect(),
            Look::stdout(),
        ))?;
    }
    Ok(true)
}

/// The end of a token that is good for a duration.
fn expiry(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let duration = parse_duration(text).map_err(|reason| anyhow::anyhow!("--expires {text}: {reason}"))?;
    let end = SignedDuration::try_from(duration).ok().and_then(|duration| now.checked_add(duration).ok());
    end.ok_or_else(|| anyhow::anyhow!("--expires {text}: that is later than any date; leave it out for a token without an end"))
}

async fn create_token(name: &str, scope: CatalogScope, expires_at: Option<Timestamp>, json: bool) -> anyhow::Result<bool> {
    ensure!(!name.is_empty() && name.chars().count() <= 120, "the name of a token has 1 to 120 characters");
    let store = wiring::open_store().await?;
    let (id, text) = make_token(&store, name, scope, expires_at).await?;
    if json {
        output::print_json(&json!({"id": id, "name": name, "scope": scope, "expires_at": expires_at, "token": text}))?;
        return Ok(true);
    }
    let until = expires_at.map_or_else(|| "without an end".to_owned(), |end| format!("until {} UTC", minute(end)));
    output::note(&format!(
        "token `{}` ({}, {until}); it is shown this once, keep it as a secret:",
        output::printable(name),
        word(&scope)
    ));
    output::print(&format!("{text}\n"))?;
    output::note(&format!("send it as `Authorization: Bearer …`; end it with `mission-control operator token revoke {id}`"));
    Ok(true)
}

async fn make_token(
    store: &Store,
    name: &str,
    scope: CatalogScope,
    expires_at: Option<Timestamp>,
) -> anyhow::Result<(Uuid, String)> {
    let text = guard::token_text(&rand::random());
    let id = store.add_token(name, scope, &guard::digest(&text), expires_at).await?;
    let details = json!({"name": name, "scope": scope, "expires_at": expires_at});
    database::audit(store, CONTRACT, "token.created", ("token", &id.to_string()), details).await?;
    Ok((id, text))
}

#[derive(Debug, PartialEq, Serialize)]
struct TokenRow {
    id: Uuid,
    name: String,
    scope: String,
    state: &'static str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

fn token_row(token: ApiToken, now: Timestamp) -> TokenRow {
    let state = match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        (None, _) => "active",
    };
    TokenRow {
        id: token.id,
        name: token.name,
        scope: word(&token.scope),
        state,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
    }
}

async fn list_tokens(json: bool) -> anyhow::Result<bool> {
    let now = Timestamp::now();
    let rows: Vec<TokenRow> = database::ready().await?.tokens().await?.into_iter().map(|token| token_row(token, now)).collect();
    if json {
        output::print_json(&rows)?;
    } else if rows.is_empty() {
        output::note("there are no API tokens yet; `mission-control operator token create NAME --scope read` makes one");
    } else {
        output::print(&token_table(rows, Look::stdout()))?;
    }
    Ok(true)
}

fn token_table(rows: Vec<TokenRow>, look: Look) -> String {
    let time = |time: Option<Timestamp>, none: &str| Cell::from(time.map_or_else(|| none.to_owned(), minute));
    let cells = |row: TokenRow| {
        let tone = if row.state == "active" { Tone::Good } else { Tone::Dim };
        vec![
            row.name.into(),
            row.scope.into(),
            Cell::new(row.state, tone),
            minute(row.created_at).into(),
            time(row.expires_at, "never"),
            time(row.last_used_at, "never"),
            row.id.to_string().into(),
        ]
    };
    output::table(
        &["NAME", "SCOPE", "STATE", "CREATED (UTC)", "EXPIRES", "LAST USED", "ID"],
        rows.into_iter().map(cells).collect(),
        look,
    )
}

async fn revoke_token(id: Uuid) -> anyhow::Result<bool> {
    let store = database::ready().await?;
    if !store.revoke_token(id).await? {
        bail!("there is no token {id} to revoke, or it is revoked already; `mission-control operator token list` shows them");
    }
    database::audit(&store, CONTRACT, "token.revoked", ("token", &id.to_string()), json!({})).await?;
    output::print(&format!("token {id} is revoked\n"))?;
    Ok(true)
}

/// A time to the minute, in UTC.
fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use engine::storage::Storage as _;
    use store::ConnectOptions;

    use super::*;

    #[test]
    fn an_expiry_is_a_duration_from_now() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(expiry("30d", now).unwrap().to_string(), "2026-12-23T12:00:00Z");
        assert!(expiry("soon", now).unwrap_err().to_string().starts_with("--expires soon: "));
    }

    #[tokio::test]
    async fn a_token_is_kept_as_its_digest_and_can_be_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("a.db").display());
        let store = Store::connect(&url, &ConnectOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let now = Timestamp::now();

        let (id, text) = make_token(&store, "ci", CatalogScope::Write, None).await.unwrap();
        assert!(text.starts_with(guard::TOKEN_PREFIX), "{text}");
        let record = store.token(&guard::digest(&text), now).await.unwrap().unwrap();
        assert_eq!((record.id, record.scope), (id, CatalogScope::Write));

        let table = token_table(vec![token_row(store.tokens().await.unwrap().remove(0), now)], Look::PLAIN);
        assert!(table.contains("ci") && table.contains("active") && !table.contains(&text), "{table}");
        assert!(store.revoke_token(id).await.unwrap());
        assert_eq!(token_row(store.tokens().await.unwrap().remove(0), now).state, "revoked");

        let audit = store.audit_entries(10, None).await.unwrap();
        assert_eq!((audit.len(), audit[0].action.as_str(), audit[0].actor.as_str()), (1, "token.created", database::ACTOR));
        assert!(!audit[0].details.to_string().contains(&text));
    }
}

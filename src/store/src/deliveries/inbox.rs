//! Storing deliveries, each idempotency key once. The hot path: a group is one statement.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use engine::storage::{Accepted, Access, DeliveryState, KeyClaim, NewDelivery, StorageError, StorageResult, StoredReply};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{flow_word, state_word};
use crate::{
    connect::Db,
    error::internal,
    sql::{Arg, Link, args, clean},
};

/// Longest idempotency key or subject kept as it came. PostgreSQL cannot index much more.
const LONGEST_KEY: usize = 512;

/// Most rows of one statement on SQLite; smaller groups use the next smaller sizes, so that few texts are prepared.
const SIZES: [usize; 4] = [64, 16, 4, 1];

const COLUMNS: &str = "id, flow, contract, target, handler, idempotency_key, key_scope, subject, state, max_attempts, due_at, received_at, \
                       finished_at, request_id, actor, message, body";
const COLUMN_COUNT: usize = 17;
const ONCE: &str =
    "ON CONFLICT (flow, contract, target, idempotency_key, key_scope) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id";

/// One statement for every size of [`SIZES`].
static INSERT_VALUES: LazyLock<[String; 4]> = LazyLock::new(|| {
    SIZES.map(|size| format!("INSERT INTO deliveries ({COLUMNS}) VALUES {} {ONCE}", placeholders(size, COLUMN_COUNT)))
});

/// PostgreSQL: arrays, so that every size of group is the same prepared statement.
static INSERT_ARRAYS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO deliveries ({COLUMNS}) SELECT {COLUMNS} FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], \
         $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], \
         $15::text[], $16::text[], $17::bytea[]) WITH ORDINALITY AS offered ({COLUMNS}, position) ORDER BY position {ONCE}"
    )
});

fn placeholders(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", numbers.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// A key or subject in the form that it is stored and looked up in.
fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_KEY {
        return clean(Cow::Borrowed(text));
    }
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Cow::Owned(format!("sha256:{digest}"))
}

/// See [`engine::storage::Storage::accept`].
pub(crate) async fn accept(db: &Db, group: &[NewDelivery]) -> StorageResult<Vec<Accepted>> {
    if group.is_empty() {
        return Ok(Vec::new());
    }
    // Two groups with the same keys must meet in one order, or they wait for each other.
    let mut ordered: Vec<&NewDelivery> = group.iter().collect();
    ordered.sort_by_cached_key(|delivery| order(delivery));
    let mut link = db.link(Access::Write).await?;
    let stored = if link.is_postgres() || SIZES.contains(&ordered.len()) {
        // One statement commits by itself.
        insert(&mut link, &ordered).await?
    } else {
        insert_in_transaction(&mut link, &ordered).await?
    };
    let missed: Vec<&NewDelivery> = group.iter().filter(|delivery| !stored.contains(&delivery.id)).collect();
    let earlier = if missed.is_empty() { HashMap::new() } else { earlier(&mut link, &missed).await? };
    let answer = |delivery: &NewDelivery| {
        if stored.contains(&delivery.id) {
            return Ok(Accepted::Stored);
        }
        let known = earlier
            .get(&delivery.id)
            .map(|(id, body)| if *body == delivery.message.body { Accepted::Repeated(*id) } else { Accepted::Contradicts(*id) });
        known.ok_or_else(|| StorageError::Conflict("the earlier delivery of a key was removed in this moment".to_owned()))
    };
    group.iter().map(answer).collect()
}

fn order(delivery: &NewDelivery) -> (Option<String>, String, String) {
    (delivery.key.clone(), format!("{}\n{}", delivery.contract, delivery.target), delivery.key_scope.clone())
}

async fn insert_in_transaction(link: &mut Link, deliveries: &[&NewDelivery]) -> StorageResult<HashSet<Uuid>> {
    link.control("BEGIN IMMEDIATE").await?;
    let outcome = match insert(link, deliveries).await {
        Ok(stored) => link.control("COMMIT").await.map(|()| stored),
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        link.discard();
    }
    outcome
}

/// Inserts what has no key or a new one; answers with the ids that were stored.
pub(crate) async fn insert(link: &mut Link, deliveries: &[&NewDelivery]) -> StorageResult<HashSet<Uuid>> {
    let mut stored = HashSet::with_capacity(deliveries.len());
    if link.is_postgres() {
        if !deliveries.is_empty() {
            collect(&mut stored, link.rows(INSERT_ARRAYS.as_str(), columns(deliveries)?).await?)?;
        }
        return Ok(stored);
    }
    let mut rest = deliveries;
    for (size, text) in SIZES.iter().zip(INSERT_VALUES.iter()) {
        while rest.len() >= *size {
            let (now, later) = rest.split_at(*size);
            let mut values = Vec::with_capacity(size * COLUMN_COUNT);
            for delivery in now {
                values.extend(row(delivery)?);
            }
            collect(&mut stored, link.rows(text.as_str(), values).await?)?;
            rest = later;
        }
    }
    Ok(stored)
}

fn collect(stored: &mut HashSet<Uuid>, rows: Vec<crate::sql::Row>) -> StorageResult<()> {
    for row in rows {
        stored.insert(row.uuid("id")?);
    }
    Ok(())
}

fn message(delivery: &NewDelivery) -> StorageResult<String> {
    serde_json::to_string(&delivery.message).map_err(|error| internal(format!("a message cannot be written as JSON: {error}")))
}

/// Deliveries that need no handling are finished as they arrive.
fn finished_at(delivery: &NewDelivery) -> Option<Timestamp> {
    matches!(delivery.state, DeliveryState::Done | DeliveryState::Dead).then_some(delivery.received_at)
}

/// The values of [`COLUMNS`].
fn row(delivery: &NewDelivery) -> StorageResult<Vec<Arg<'_>>> {
    Ok(args![
        delivery.id,
        flow_word(delivery.flow),
        &delivery.contract,
        &delivery.target,
        &delivery.handler,
        Arg::Text(delivery.key.as_deref().map(short)),
        Arg::Text(Some(short(&delivery.key_scope))),
        Arg::Text(delivery.subject.as_deref().map(short)),
        state_word(delivery.state),
        delivery.max_attempts,
        delivery.received_at,
        delivery.received_at,
        finished_at(delivery),
        &delivery.request_id,
        &delivery.actor,
        message(delivery)?,
        &delivery.message.body,
    ])
}

/// The values of [`COLUMNS`], an array for each.
fn columns<'a>(deliveries: &[&'a NewDelivery]) -> StorageResult<Vec<Arg<'a>>> {
    type Text<'a> = Option<Cow<'a, str>>;
    let texts = |of: fn(&'a NewDelivery) -> Text<'a>| Arg::Texts(deliveries.iter().map(|delivery| of(delivery)).collect());
    let numbers = |of: fn(&NewDelivery) -> Option<i64>| Arg::Ints(deliveries.iter().map(|delivery| of(delivery)).collect());
    let messages: StorageResult<Vec<_>> = deliveries.iter().map(|delivery| Ok(Some(Cow::Owned(message(delivery)?)))).collect();
    Ok(vec![
        texts(|delivery| Some(Cow::Owned(delivery.id.to_string()))),
        texts(|delivery| Some(Cow::Borrowed(flow_word(delivery.flow)))),
        texts(|delivery| Some(clean(Cow::Borrowed(&delivery.contract)))),
        texts(|delivery| Some(clean(Cow::Borrowed(&delivery.target)))),
        texts(|delivery| Some(clean(Cow::Borrowed(&delivery.handler)))),
        texts(|delivery| delivery.key.as_deref().map(short)),
        texts(|delivery| Some(short(&delivery.key_scope))),
        texts(|delivery| delivery.subject.as_deref().map(short)),
        texts(|delivery| Some(Cow::Borrowed(state_word(delivery.state)))),
        numbers(|delivery| Some(delivery.max_attempts.into())),
        numbers(|delivery| Some(delivery.received_at.as_microsecond())),
        numbers(|delivery| Some(delivery.received_at.as_microsecond())),
        numbers(|delivery| finished_at(delivery).map(Timestamp::as_microsecond)),
        texts(|delivery| Some(clean(Cow::Borrowed(&delivery.request_id)))),
        texts(|delivery| Some(clean(Cow::Borrowed(&delivery.actor)))),
        Arg::Texts(messages?),
        Arg::Blobs(deliveries.iter().map(|delivery| delivery.message.body.as_slice()).collect()),
    ])
}

/// Six placeholders for each delivery: id, flow, contract, target, key, scope of the key.
pub(super) fn earlier_text(deliveries: usize) -> String {
    format!(
        "WITH offered (offered_id, flow, contract, target, idempotency_key, key_scope) AS (VALUES {}) \
         SELECT offered.offered_id AS offered_id, known.id AS id, known.body AS body FROM offered JOIN deliveries AS known \
         ON known.flow = offered.flow AND known.contract = offered.contract AND known.target = offered.target \
         AND known.idempotency_key = offered.idempotency_key AND known.key_scope = offered.key_scope",
        placeholders(deliveries, 6)
    )
}

/// For deliveries whose key is known: their ids, each with the id and the body of the delivery that has its key.
async fn earlier(link: &mut Link, missed: &[&NewDelivery]) -> StorageResult<HashMap<Uuid, (Uuid, Vec<u8>)>> {
    /// Far below SQLite's limit of parameters.
    const MOST: usize = 500;
    let mut found = HashMap::with_capacity(missed.len());
    for part in missed.chunks(MOST) {
        let values = part.iter().flat_map(|delivery| {
            let key = Arg::Text(delivery.key.as_deref().map(short));
            let scope = Arg::Text(Some(short(&delivery.key_scope)));
            args![delivery.id, flow_word(delivery.flow), &delivery.contract, &delivery.target, key, scope]
        });
        for row in link.rows(earlier_text(part.len()), values.collect()).await? {
            found.insert(row.uuid("offered_id")?, (row.uuid("id")?, row.bytes("body")?.to_vec()));
        }
    }
    Ok(found)
}

/// See [`engine::storage::Transaction::take_key`]. A delivery without a kept answer (it came while the route was durable, or
/// its answer was a stream) is answered with 202 and no body.
pub(crate) async fn take_key(link: &mut Link, delivery: &NewDelivery, body_digest: &[u8]) -> StorageResult<KeyClaim> {
    let done = NewDelivery { state: DeliveryState::Done, ..delivery.clone() };
    // A concurrent holder's row makes PostgreSQL wait here for its end; SQLite let us begin only after it.
    if insert(link, &[&done]).await?.contains(&delivery.id) {
        let args = args![delivery.id, body_digest];
        link.execute("UPDATE deliveries SET body_digest = $2, attempts = 1 WHERE id = $1", args).await?;
        return Ok(KeyClaim::New);
    }
    let key = Arg::Text(delivery.key.as_deref().map(short));
    let sql = "SELECT body, body_digest, reply_status, reply_type, reply_body FROM deliveries \
               WHERE flow = $1 AND contract = $2 AND target = $3 AND idempotency_key = $4 AND key_scope = $5";
    let row = link
        .row(
            sql,
            args![
                flow_word(delivery.flow),
                &delivery.contract,
                &delivery.target,
                key,
                Arg::Text(Some(short(&delivery.key_scope)))
            ],
        )
        .await?;
    let row = row.ok_or_else(|| StorageError::Conflict("the earlier delivery of a key was removed in this moment".to_owned()))?;
    let body_digest = match row.opt_bytes("body_digest")? {
        Some(digest) => digest,
        None => Sha256::digest(row.bytes("body")?).to_vec(),
    };
    let reply = reply_of(&row)?.unwrap_or(StoredReply { status: 202, media_type: String::new(), body: Vec::new() });
    Ok(KeyClaim::Taken { body_digest, reply })
}

/// The kept answer, when there is one.
pub(super) fn reply_of(row: &crate::sql::Row) -> StorageResult<Option<StoredReply>> {
    let Some(status) = row.opt_int("reply_status")? else { return Ok(None) };
    let status = u16::try_from(status).map_err(|_| internal(format!("{status} is no HTTP status")))?;
    let media_type = row.opt_text("reply_type")?.unwrap_or_default();
    Ok(Some(StoredReply { status, media_type, body: row.opt_bytes("reply_body")?.unwrap_or_default() }))
}

/// See [`engine::storage::Transaction::keep_reply`].
pub(crate) async fn keep_reply(link: &mut Link, id: Uuid, reply: &StoredReply, now: Timestamp) -> StorageResult<()> {
    let sql = "UPDATE deliveries SET reply_status = $2, reply_type = $3, reply_body = $4, finished_at = $5 WHERE id = $1";
    let args = args![id, i64::from(reply.status), &reply.media_type, &reply.body, now];
    match link.execute(sql, args).await? {
        0 => Err(crate::sql::missing("the delivery whose answer is to be kept")),
        _ => Ok(()),
    }
}

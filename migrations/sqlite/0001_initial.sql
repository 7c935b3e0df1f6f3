-- The whole first schema. Times are microseconds since 1970 in UTC, ids are UUIDs as lower-case text, JSON is text.
-- The PostgreSQL folder holds the same tables under the same names; one SQL text has to fit both.

CREATE TABLE deliveries (
    seq             INTEGER PRIMARY KEY,            -- order of storing; decides what is sent first
    id              TEXT    NOT NULL UNIQUE,
    flow            TEXT    NOT NULL CHECK (flow IN ('inbound', 'outbound')),
    contract        TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    handler         TEXT    NOT NULL,
    idempotency_key TEXT,
    key_scope       TEXT    NOT NULL,               -- what a key is one key for: path parameters and sender
    subject         TEXT,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'done', 'dead')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    max_attempts    INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,               -- pending: when to try; running: when the lease ends
    lease           TEXT,
    received_at     INTEGER NOT NULL,
    finished_at     INTEGER,
    last_error      TEXT,
    request_id      TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    message         TEXT    NOT NULL,
    body            BLOB    NOT NULL,
    body_digest     BLOB,
    reply_status    INTEGER,
    reply_type      TEXT,
    reply_body      BLOB
) STRICT;
-- One effect for one key.
CREATE UNIQUE INDEX deliveries_key ON deliveries (flow, contract, target, idempotency_key, key_scope) WHERE idempotency_key IS NOT NULL;
-- What a worker looks for.
CREATE INDEX deliveries_due ON deliveries (flow, due_at, seq) WHERE state IN ('pending', 'running');
-- Whether an earlier event of the same subject is still on its way.
CREATE INDEX deliveries_order ON deliveries (contract, target, subject, seq)
    WHERE flow = 'outbound' AND state IN ('pending', 'running') AND subject IS NOT NULL;
-- What waits, for counting and listing without a look at what is done.
CREATE INDEX deliveries_waiting ON deliveries (state, contract, id, flow) WHERE state IN ('pending', 'running', 'dead');
-- What may be pruned.
CREATE INDEX deliveries_finished ON deliveries (state, finished_at) WHERE finished_at IS NOT NULL;
-- A contract's deliveries, newest first.
CREATE INDEX deliveries_contract ON deliveries (contract, id);

CREATE TABLE audit_entries (
    id          TEXT    PRIMARY KEY,
    at          INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    contract    TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    object_kind TEXT    NOT NULL,
    object_id   TEXT    NOT NULL,
    details     TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_entries_object ON audit_entries (object_kind, object_id, id);

CREATE TABLE deprecated_uses (
    contract TEXT    NOT NULL,
    surface  TEXT    NOT NULL,
    caller   TEXT    NOT NULL,
    uses     INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (contract, surface, caller)
) WITHOUT ROWID, STRICT;

CREATE TABLE unknown_events (
    source   TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    events   INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
) WITHOUT ROWID, STRICT;

CREATE TABLE operators (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at INTEGER NOT NULL
) STRICT;

-- Tokens of sessions and of the API are kept as SHA-256 digests alone.
CREATE TABLE sessions (
    digest      BLOB    PRIMARY KEY,
    operator_id TEXT    NOT NULL REFERENCES operators (id),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_operator ON sessions (operator_id);
CREATE INDEX sessions_expired ON sessions (expires_at);

CREATE TABLE api_tokens (
    id           TEXT    PRIMARY KEY,
    name         TEXT    NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    digest       BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE TABLE projects (
    id               TEXT    PRIMARY KEY,
    key              TEXT    NOT NULL UNIQUE,
    title            TEXT    NOT NULL,
    last_task_number INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
    id         TEXT    PRIMARY KEY,
    project_id TEXT    NOT NULL REFERENCES projects (id),
    number     INTEGER NOT NULL,
    title      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    lane       TEXT    NOT NULL,
    priority   TEXT    NOT NULL,
    labels     TEXT    NOT NULL,                    -- JSON list of strings
    assignee   TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    revision   INTEGER NOT NULL,
    UNIQUE (project_id, number)
) STRICT;

CREATE TABLE comments (
    id         TEXT    PRIMARY KEY,
    task_id    TEXT    NOT NULL REFERENCES tasks (id),
    author     TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX comments_task ON comments (task_id, created_at, id);

CREATE TABLE external_mappings (
    source            TEXT    NOT NULL,
    kind              TEXT    NOT NULL,
    external_id       TEXT    NOT NULL,
    local_id          TEXT    NOT NULL,             -- nil UUID: deleted before it was seen
    source_updated_at INTEGER,
    deleted_at        INTEGER,
    PRIMARY KEY (source, kind, external_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX external_mappings_local ON external_mappings (kind, local_id);

CREATE TABLE setup_imports (
    source     TEXT    NOT NULL,
    import_id  TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    project_id TEXT    NOT NULL REFERENCES projects (id),
    task_id    TEXT    NOT NULL REFERENCES tasks (id),
    payload    TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    projection TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (source, import_id)
) STRICT;
CREATE UNIQUE INDEX setup_imports_revision ON setup_imports (project_id, revision);
CREATE INDEX setup_imports_task ON setup_imports (task_id, revision);
CREATE INDEX setup_imports_pending ON setup_imports (created_at) WHERE projection = 'pending';

CREATE TABLE approvals (
    source            TEXT    NOT NULL,
    approval_id       TEXT    NOT NULL,
    project_id        TEXT    NOT NULL,
    task_key          TEXT    NOT NULL,
    title             TEXT    NOT NULL,
    summary           TEXT    NOT NULL,
    requested_by      TEXT    NOT NULL,
    requested_at      INTEGER NOT NULL,
    expires_at        INTEGER,
    state             TEXT    NOT NULL,
    verdict           TEXT,
    decided_by        TEXT,
    decided_at        INTEGER,
    note              TEXT,
    payload           TEXT    NOT NULL,
    source_updated_at INTEGER,
    PRIMARY KEY (source, approval_id)
) STRICT;
CREATE INDEX approvals_id ON approvals (approval_id);
CREATE INDEX approvals_pending ON approvals (requested_at, approval_id) WHERE state = 'pending';
CREATE INDEX approvals_task ON approvals (project_id, task_key, requested_at);

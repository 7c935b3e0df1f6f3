-- The whole first schema. Times are microseconds since 1970 in UTC, ids are UUIDs as lower-case text, JSON is text.
-- The SQLite folder holds the same tables under the same names; one SQL text has to fit both.
-- COLLATE "C" gives what is compared and sorted the byte order that SQLite has, whatever the database's locale.

CREATE TABLE deliveries (
    seq             BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of storing; decides what is sent first
    id              TEXT COLLATE "C" NOT NULL UNIQUE,
    flow            TEXT COLLATE "C" NOT NULL CHECK (flow IN ('inbound', 'outbound')),
    contract        TEXT COLLATE "C" NOT NULL,
    target          TEXT COLLATE "C" NOT NULL,
    handler         TEXT    NOT NULL,
    idempotency_key TEXT COLLATE "C",
    key_scope       TEXT COLLATE "C" NOT NULL,      -- what a key is one key for: path parameters and sender
    subject         TEXT COLLATE "C",
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'running', 'done', 'dead')),
    attempts        BIGINT  NOT NULL DEFAULT 0,
    max_attempts    BIGINT  NOT NULL,
    due_at          BIGINT  NOT NULL,               -- pending: when to try; running: when the lease ends
    lease           TEXT,
    received_at     BIGINT  NOT NULL,
    finished_at     BIGINT,
    last_error      TEXT,
    request_id      TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    message         TEXT    NOT NULL,
    body            BYTEA NOT NULL,
    body_digest     BYTEA,
    reply_status    BIGINT,
    reply_type      TEXT,
    reply_body      BYTEA
)
-- A queue leaves dead rows behind at its front: clean up after a share of it that suits a queue, not an archive.
WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.05);
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
    id          TEXT COLLATE "C" PRIMARY KEY,
    at          BIGINT  NOT NULL,
    actor       TEXT    NOT NULL,
    contract    TEXT COLLATE "C" NOT NULL,
    request_id  TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    object_kind TEXT COLLATE "C" NOT NULL,
    object_id   TEXT COLLATE "C" NOT NULL,
    details     TEXT    NOT NULL
);
CREATE INDEX audit_entries_object ON audit_entries (object_kind, object_id, id);

CREATE TABLE deprecated_uses (
    contract TEXT COLLATE "C" NOT NULL,
    surface  TEXT COLLATE "C" NOT NULL,
    caller   TEXT COLLATE "C" NOT NULL,
    uses     BIGINT  NOT NULL,
    first_at BIGINT  NOT NULL,
    last_at  BIGINT  NOT NULL,
    PRIMARY KEY (contract, surface, caller)
);

CREATE TABLE unknown_events (
    source   TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    events   BIGINT  NOT NULL,
    first_at BIGINT  NOT NULL,
    last_at  BIGINT  NOT NULL,
    PRIMARY KEY (source, kind)
);

CREATE TABLE operators (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at BIGINT  NOT NULL
);

-- Tokens of sessions and of the API are kept as SHA-256 digests alone.
CREATE TABLE sessions (
    digest      BYTEA   PRIMARY KEY,
    operator_id TEXT COLLATE "C" NOT NULL REFERENCES operators (id),
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL
);
CREATE INDEX sessions_operator ON sessions (operator_id);
CREATE INDEX sessions_expired ON sessions (expires_at);

CREATE TABLE api_tokens (
    id           TEXT COLLATE "C" PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    digest       BYTEA NOT NULL UNIQUE,
    created_at   BIGINT  NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT
);

CREATE TABLE projects (
    id               TEXT COLLATE "C" PRIMARY KEY,
    key              TEXT COLLATE "C" NOT NULL UNIQUE,
    title            TEXT    NOT NULL,
    last_task_number BIGINT  NOT NULL DEFAULT 0,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL
);

CREATE TABLE tasks (
    id         TEXT COLLATE "C" PRIMARY KEY,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id),
    number     BIGINT  NOT NULL,
    title      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    lane       TEXT    NOT NULL,
    priority   TEXT    NOT NULL,
    labels     TEXT    NOT NULL,                    -- JSON list of strings
    assignee   TEXT,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    deleted_at BIGINT,
    revision   BIGINT  NOT NULL,
    UNIQUE (project_id, number)
);

CREATE TABLE comments (
    id         TEXT COLLATE "C" PRIMARY KEY,
    task_id    TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    author     TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX comments_task ON comments (task_id, created_at, id);

CREATE TABLE external_mappings (
    source            TEXT COLLATE "C" NOT NULL,
    kind              TEXT COLLATE "C" NOT NULL,
    external_id       TEXT COLLATE "C" NOT NULL,
    local_id          TEXT COLLATE "C" NOT NULL,             -- nil UUID: deleted before it was seen
    source_updated_at BIGINT,
    deleted_at        BIGINT,
    PRIMARY KEY (source, kind, external_id)
);
CREATE INDEX external_mappings_local ON external_mappings (kind, local_id);

CREATE TABLE setup_imports (
    source     TEXT COLLATE "C" NOT NULL,
    import_id  TEXT COLLATE "C" NOT NULL,
    digest     BYTEA NOT NULL,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id),
    task_id    TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    payload    TEXT    NOT NULL,
    revision   BIGINT  NOT NULL,
    projection TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (source, import_id)
);
CREATE UNIQUE INDEX setup_imports_revision ON setup_imports (project_id, revision);
CREATE INDEX setup_imports_task ON setup_imports (task_id, revision);
CREATE INDEX setup_imports_pending ON setup_imports (created_at) WHERE projection = 'pending';

CREATE TABLE approvals (
    source            TEXT COLLATE "C" NOT NULL,
    approval_id       TEXT COLLATE "C" NOT NULL,
    project_id        TEXT COLLATE "C" NOT NULL,
    task_key          TEXT COLLATE "C" NOT NULL,
    title             TEXT    NOT NULL,
    summary           TEXT    NOT NULL,
    requested_by      TEXT    NOT NULL,
    requested_at      BIGINT  NOT NULL,
    expires_at        BIGINT,
    state             TEXT COLLATE "C" NOT NULL,
    verdict           TEXT,
    decided_by        TEXT,
    decided_at        BIGINT,
    note              TEXT,
    payload           TEXT    NOT NULL,
    source_updated_at BIGINT,
    PRIMARY KEY (source, approval_id)
);
CREATE INDEX approvals_id ON approvals (approval_id);
CREATE INDEX approvals_pending ON approvals (requested_at, approval_id) WHERE state = 'pending';
CREATE INDEX approvals_task ON approvals (project_id, task_key, requested_at);

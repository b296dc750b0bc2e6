-- +goose Up
CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    plan_id    TEXT NOT NULL,
    plan_hash  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    registries TEXT NOT NULL,
    undoes     TEXT NOT NULL,
    tool       TEXT NOT NULL,
    started    BIGINT NOT NULL,
    finished   BIGINT NOT NULL,
    status     TEXT NOT NULL,
    plan       BLOB NOT NULL
);

-- Append only: what a run intended and what came of it, in order.
CREATE TABLE entries (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    run        TEXT NOT NULL REFERENCES runs (id),
    seq        INTEGER NOT NULL,
    outcome    INTEGER NOT NULL,
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    digest     TEXT NOT NULL,
    action     TEXT NOT NULL,
    status     TEXT NOT NULL,
    error      TEXT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX entries_run ON entries (run, n);

CREATE TABLE baselines (
    run        TEXT NOT NULL REFERENCES runs (id),
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (run, registry, repository)
);

-- Bytes of what went, each once, however many runs and repositories had it.
CREATE TABLE manifests (
    digest TEXT PRIMARY KEY,
    body   BLOB NOT NULL
);

CREATE TABLE archived (
    run        TEXT NOT NULL REFERENCES runs (id),
    seq        INTEGER NOT NULL,
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL REFERENCES manifests (digest),
    media_type TEXT NOT NULL,
    tags       TEXT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE INDEX archived_digest ON archived (digest);

CREATE TABLE capabilities (
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    body       TEXT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (registry, repository)
);

CREATE TABLE scans (
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL,
    PRIMARY KEY (registry, repository)
);

CREATE TABLE seen (
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    digest     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (registry, repository, tag, digest)
);

-- A cache: may be emptied at any time.
CREATE TABLE contents (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,
    body       BLOB NOT NULL
);

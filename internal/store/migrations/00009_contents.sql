-- +goose Up
-- Contents under the bytes of their digest: 32 are sha256, 64 sha512. Every
-- write changes pages all over the index of digests, so it is kept small.
CREATE TABLE kept (
    n          INTEGER PRIMARY KEY, -- in the order in which they came; the oldest go first
    digest     BLOB NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,
    body       BLOB NOT NULL,
    at         BIGINT NOT NULL -- when they were fetched, in nanoseconds since 1970; 0: not known
);

INSERT OR IGNORE INTO kept (n, digest, media_type, size, body, at)
SELECT n, unhex(substr(digest, instr(digest, ':') + 1)), media_type, size, body, at FROM contents
ORDER BY n;

DROP TABLE contents;

ALTER TABLE kept RENAME TO contents;

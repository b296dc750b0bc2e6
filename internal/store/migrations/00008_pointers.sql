-- +goose Up
-- What the last scan of a repository saw, many tags in a row: a repository is
-- read and compared whole. body is a line for each, in the order of tag and
-- digest in bytes: digest, when it was first seen in microseconds since 1970,
-- tag. first is the first tag; all lines of a tag are in one row.
CREATE TABLE pointers (
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    first      TEXT NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (registry, repository, first)
);

INSERT INTO pointers (registry, repository, first, body)
SELECT registry, repository, min(tag), group_concat(digest || ' ' || at || ' ' || tag || char(10), '' ORDER BY tag, digest)
FROM (
    SELECT *, (dense_rank() OVER (PARTITION BY registry, repository ORDER BY tag) - 1) / 1000 AS part FROM seen
    WHERE instr(tag, char(10)) = 0
)
GROUP BY registry, repository, part;

DROP TABLE seen;

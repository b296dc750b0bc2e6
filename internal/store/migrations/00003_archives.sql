-- +goose Up
-- Where the content of what a run removed is kept, as it was named.
ALTER TABLE runs ADD COLUMN archive TEXT NOT NULL DEFAULT '';

-- When regkeep had a registry collect its garbage: what lay there only until
-- then is gone.
CREATE TABLE collections (
    registry TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (registry, at)
);

-- +goose Up
-- When the contents were fetched, in nanoseconds since 1970; 0 for those from
-- before this was written down.
ALTER TABLE contents ADD COLUMN at BIGINT NOT NULL DEFAULT 0;

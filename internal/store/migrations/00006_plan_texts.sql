-- +goose Up
-- The text of a run's plan, compressed with zstd, in pieces that are read one at
-- a time. Runs from before have it whole in runs.plan.
CREATE TABLE plan_texts (
    run  TEXT NOT NULL REFERENCES runs (id),
    n    INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, n)
);

-- +goose Up
-- How many roots the patterns and conditions of policies matched when a
-- registry was last looked at whole. roots is what the next scan is compared
-- with; latest is what the plan found, and becomes roots when it is applied.
CREATE TABLE counts (
    registry  TEXT NOT NULL,
    condition TEXT NOT NULL,
    roots     BIGINT NOT NULL,
    latest    BIGINT NOT NULL,
    plan      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (registry, condition)
);

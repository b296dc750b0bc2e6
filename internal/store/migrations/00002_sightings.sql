-- +goose Up
-- Which images sources of evidence saw in use, and when last.
CREATE TABLE sightings (
    source TEXT NOT NULL,
    image  TEXT NOT NULL,
    what   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (source, image, what)
);

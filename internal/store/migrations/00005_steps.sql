-- +goose Up
-- A run that is resumed asks for its entries repository by repository. Only the
-- order of the entries of one step means anything.
CREATE INDEX entries_step ON entries (run, seq, n);
DROP INDEX entries_run;

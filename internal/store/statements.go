package store

import "database/sql"

// statements are executed for every step or repository of a run and prepared once:
// SQLite takes longer to read them than to carry them out.
type statements struct {
	entry, manifest, archiving, capabilities, baseline *sql.Stmt
}

// prepare is called when the tables are there.
func (s *Store) prepare() error {
	for _, one := range []struct {
		query string
		into  **sql.Stmt
	}{
		{`INSERT INTO entries (run, seq, outcome, registry, repository, tag, digest, action, status, error, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, &s.prepared.entry},
		{`INSERT INTO manifests (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, &s.prepared.manifest},
		{`INSERT INTO archived (run, seq, registry, repository, digest, media_type, tags, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (run, seq) DO NOTHING`, &s.prepared.archiving},
		{`INSERT INTO capabilities (registry, repository, body, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (registry, repository) DO UPDATE SET body = excluded.body, at = excluded.at`, &s.prepared.capabilities},
		{`INSERT INTO baselines (run, registry, repository, body) VALUES ($1, $2, $3, $4)
			ON CONFLICT (run, registry, repository) DO NOTHING`, &s.prepared.baseline},
	} {
		statement, err := s.write.Prepare(one.query)
		if err != nil {
			return translate(s.path, err)
		}
		*one.into = statement // closed with the file
	}
	return nil
}

package store

import "database/sql"

// statements are executed for every step of a run and prepared once: SQLite takes
// longer to read them than to carry them out.
type statements struct {
	content                    *sql.Stmt // reads
	entry, manifest, archiving *sql.Stmt // write
}

// prepare is called when the tables are there.
func (s *Store) prepare() error {
	for _, one := range []struct {
		of    *sql.DB
		query string
		into  **sql.Stmt
	}{
		{s.read, `SELECT media_type, body FROM contents WHERE digest = $1`, &s.prepared.content},
		{s.write, `INSERT INTO entries (run, seq, outcome, registry, repository, tag, digest, action, status, error, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, &s.prepared.entry},
		{s.write, `INSERT INTO manifests (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, &s.prepared.manifest},
		{s.write, `INSERT INTO archived (run, seq, registry, repository, digest, media_type, tags, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (run, seq) DO NOTHING`, &s.prepared.archiving},
	} {
		statement, err := one.of.Prepare(one.query)
		if err != nil {
			return translate(s.path, err)
		}
		*one.into = statement // closed with the file
	}
	return nil
}

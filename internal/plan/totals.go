package plan

// total is what a plan takes from one registry.
type total struct {
	registry string
	ledger   ledger
	rootTags int
	removals int // root tags that go, from repositories that are not refused
	untagged int // untagged roots that go
	refused  bool
}

// total finds the one of a registry, the last in most cases.
func (b *Builder) total(registry string) *total {
	for i := len(b.totals) - 1; i >= 0; i-- {
		if b.totals[i].registry == registry {
			return b.totals[i]
		}
	}
	of := &total{registry: registry, ledger: ledger{inexact: b.opts.Partial}}
	b.totals = append(b.totals, of)
	return of
}

func (t *total) add(p *part) {
	t.rootTags += p.rootTags
	if !p.refused {
		t.removals += p.removals
		t.untagged += p.untagged
	}
}

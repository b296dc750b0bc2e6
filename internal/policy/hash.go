package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash is the SHA-256, in hex, of what the policy means: comments, spacing and
// names for people do not change it.
func (p *Policy) Hash() string {
	sum := sha256.Sum256([]byte(p.canonical()))
	return hex.EncodeToString(sum[:])
}

// canonical writes out the meaning of a policy.
func (p *Policy) canonical() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version 1\nlatest %t\n", p.builtin)
	canonicalItems(&b, "protect", p.protect)
	p.defaults.canonical(&b)
	for _, g := range p.policies {
		fmt.Fprintf(&b, "policy %s\n", g.repositories)
		g.settings.canonical(&b)
		for _, r := range g.rules {
			fmt.Fprintf(&b, "rule %s untagged %t age_from %s old %t\n", r.tags, r.untagged, r.ageFrom, r.unknownOld)
			if !r.quarantine.Zero() {
				fmt.Fprintf(&b, "quarantine %s\n", r.quarantine)
			}
			canonicalItems(&b, "remove", r.remove)
			canonicalItems(&b, "keep", r.keep)
		}
	}
	return b.String()
}

func canonicalItems(b *strings.Builder, name string, items []*item) {
	for _, it := range items {
		fmt.Fprintf(b, "%s %s\n", name, it)
	}
}

func (s *settings) canonical(b *strings.Builder) {
	fmt.Fprintf(b, "settings %s %v %s %t %q\n", s.zone, s.Settings, s.Grace, s.unknownOld, s.expiryLabel)
}

package app

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/regkeep/regkeep/internal/usage"
)

// Elsewhere is a host that references in use name and that is no target.
type Elsewhere struct {
	Host string
	// References is how many different images are in use from there.
	References int
	// Alias is what would make them images of a target, where their repositories
	// are called the same there; nil where none are. Repositories is how many
	// are.
	Alias        *usage.Alias
	Repositories int
}

// elsewhere groups foreign references by host. The classic mistake is a mirror
// or a port whose alias nobody wrote down, so the repositories of the targets
// are compared with those that the references name. A target that does not list
// its repositories is left out of that.
func elsewhere(ctx context.Context, foreign []usage.Use, s *session) []Elsewhere {
	if len(foreign) == 0 {
		return nil
	}
	references := map[string]int{}
	repositories := map[string]map[string]bool{}
	for _, use := range foreign {
		host := use.Image.Registry
		references[host]++
		if repositories[host] == nil {
			repositories[host] = map[string]bool{}
		}
		repositories[host][use.Image.Repository] = true
	}
	known := map[string][]string{}
	for _, o := range s.opened {
		for name, err := range o.reader.Repositories(ctx) {
			if err != nil {
				break
			}
			known[o.info.Name] = append(known[o.info.Name], name)
		}
	}
	var hosts []Elsewhere
	for _, host := range slices.Sorted(maps.Keys(references)) {
		e := Elsewhere{Host: host, References: references[host]}
		e.Alias, e.Repositories = suggest(host, slices.Sorted(maps.Keys(repositories[host])), known)
		hosts = append(hosts, e)
	}
	return hosts
}

// suggest finds the alias that makes most repositories of a host repositories
// of a target: those whose path is the same, or the same behind a prefix on one
// side.
func suggest(host string, repositories []string, targets map[string][]string) (*usage.Alias, int) {
	counts := map[usage.Alias]int{}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		there := map[string]bool{}
		behind := map[string][]string{} // path behind a prefix: the prefixes
		for _, repository := range targets[name] {
			there[repository] = true
			for prefix, rest := range splits(repository) {
				behind[rest] = append(behind[rest], "/"+prefix)
			}
		}
		for _, repository := range repositories {
			if there[repository] {
				counts[usage.Alias{From: host, To: name}]++
			}
			for prefix, rest := range splits(repository) {
				if there[rest] {
					counts[usage.Alias{From: host + "/" + prefix, To: name}]++
				}
			}
			for _, prefix := range behind[repository] {
				counts[usage.Alias{From: host, To: name + prefix}]++
			}
		}
	}
	if len(counts) == 0 {
		return nil, 0
	}
	best := slices.MinFunc(slices.Collect(maps.Keys(counts)), func(a, b usage.Alias) int {
		return cmp.Or(counts[b]-counts[a], len(a.From)+len(a.To)-len(b.From)-len(b.To), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return &best, counts[best]
}

// splits are the ways to cut a path in two between components.
func splits(path string) func(yield func(prefix, rest string) bool) {
	return func(yield func(prefix, rest string) bool) {
		for i := range len(path) {
			if path[i] == '/' && !yield(path[:i], path[i+1:]) {
				return
			}
		}
	}
}

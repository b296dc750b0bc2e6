package plan

import (
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
)

// check looks at the finished steps of a repository as somebody who does not
// know how they came about. It returns what is wrong, or "".
func check(repo *inventory.Repository, report *policy.Report, steps []Step) string {
	removed := make([]bool, len(repo.Tags))
	tags := finder{tags: repo.Tags}
	for i := range report.Decisions {
		d := &report.Decisions[i]
		if at, there := tags.find(d.Root.Name()); d.Verdict == policy.Remove && d.Root.Tag != nil && there {
			removed[at] = true
		}
	}
	at := make(map[oci.Digest]int, len(steps)) // which step deletes a manifest, from 1
	gone := make([]int32, len(repo.Tags))      // which step takes a tag away, from 1
	for i, s := range steps {
		if s.Action == DeleteManifest {
			if at[s.Digest] != 0 {
				return fmt.Sprintf("manifest %s would be deleted twice", s.Digest)
			}
			at[s.Digest] = i + 1
		}
		takes := s.Takes
		if s.Tag != "" {
			takes = []string{s.Tag}
		}
		for _, tag := range takes {
			p, there := tags.find(tag)
			switch {
			case !there:
				return fmt.Sprintf("tag %s would be removed and is not there", tag)
			case gone[p] != 0:
				return fmt.Sprintf("tag %s would be removed twice", tag)
			}
			gone[p] = int32(i + 1)
		}
	}
	stays := map[oci.Digest]bool{}
	var stay func(digest oci.Digest)
	stay = func(digest oci.Digest) {
		if stays[digest] {
			return
		}
		stays[digest] = true
		if m := repo.Manifests[digest]; m != nil {
			for _, child := range m.Children {
				stay(child.Digest)
			}
			for _, mention := range m.Mentions {
				stay(mention)
			}
		}
	}
	for i := range repo.Tags {
		tag := &repo.Tags[i]
		subject, attached := repo.AttachmentOf(tag)
		p, _ := tags.find(tag.Name)
		step := int(gone[p])
		switch {
		case step == 0:
			stay(tag.Digest)
		case steps[step-1].Digest != tag.Digest:
			return fmt.Sprintf("tag %s is at %s and would go with %s", tag.Name, tag.Digest, steps[step-1].Digest)
		case !removed[p] && !attached:
			return fmt.Sprintf("tag %s would go and was not to be removed", tag.Name)
		case attached && at[tag.Digest] != 0 && at[subject] > step:
			return fmt.Sprintf("attachment %s would go before its subject", tag.Name)
		}
		if step != 0 && steps[step-1].Action != DeleteManifest {
			continue
		}
		if n := at[tag.Digest]; n != 0 && !slices.Contains(steps[n-1].Takes, tag.Name) {
			return fmt.Sprintf("manifest %s would be deleted under tag %s", tag.Digest, tag.Name)
		}
	}
	for digest, m := range repo.Manifests {
		if at[digest] == 0 && !m.Missing {
			stay(digest)
		}
	}
	for digest, n := range at {
		m := repo.Manifests[digest]
		switch {
		case stays[digest]:
			return fmt.Sprintf("manifest %s would be deleted and something that stays leads to it", digest)
		case m == nil || !m.Read || m.Problem != "":
			return fmt.Sprintf("manifest %s would be deleted unread", digest)
		case m.Subject != "" && at[m.Subject] > n:
			return fmt.Sprintf("attachment %s would go before its subject", digest)
		}
		if s := repo.Manifests[m.Subject]; m.Subject != "" && at[m.Subject] == 0 && s != nil && !s.Missing {
			return fmt.Sprintf("attachment %s would go without its subject", digest)
		}
	}
	return ""
}

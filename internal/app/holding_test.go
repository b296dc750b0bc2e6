package app

import (
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/usage"
)

const heldTag = "20260301T100000Z-0000000a.1.for-14d_app_v1"

// What lets an image out of quarantine, and everything that keeps it there.
func TestReleaseFromQuarantine(t *testing.T) {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	digest := oci.FromBytes([]byte("1"))
	used := func(tag string, d oci.Digest) *usage.Evidence {
		e := &usage.Evidence{}
		e.Add("r.example.com", "quarantine/app", tag, d, usage.Witness{})
		return e
	}
	for name, c := range map[string]struct {
		tag      inventory.Tag
		now      time.Time
		gaps     []inventory.Gap
		evidence *usage.Evidence
		verdict  policy.Verdict
		code     policy.Code
	}{
		"in its time":            {inventory.Tag{Name: heldTag, Digest: digest}, since.AddDate(0, 0, 14).Add(-time.Second), nil, nil, policy.Keep, policy.CodeArchived},
		"to the second":          {inventory.Tag{Name: heldTag, Digest: digest}, since.AddDate(0, 0, 14), nil, nil, policy.Remove, policy.CodeExpired},
		"before it began":        {inventory.Tag{Name: heldTag, Digest: digest}, since.AddDate(0, 0, -30), nil, nil, policy.Keep, policy.CodeArchived},
		"an archive":             {inventory.Tag{Name: "20260301T100000Z-0000000a.1_app_v1", Digest: digest}, since.AddDate(9, 0, 0), nil, nil, policy.Keep, policy.CodeArchived},
		"somebody else's tag":    {inventory.Tag{Name: "v1", Digest: digest}, since.AddDate(9, 0, 0), nil, nil, policy.Keep, policy.CodeArchived},
		"a time that is none":    {inventory.Tag{Name: "20260301T100000Z-0000000a.1.for-soon_app_v1", Digest: digest}, since.AddDate(9, 0, 0), nil, nil, policy.Hold, policy.CodeUnreadable},
		"unresolved":             {inventory.Tag{Name: heldTag}, since.AddDate(0, 1, 0), nil, nil, policy.Hold, policy.CodeUnreadable},
		"with a problem":         {inventory.Tag{Name: heldTag, Digest: digest, Problem: "no assets"}, since.AddDate(0, 1, 0), nil, nil, policy.Hold, policy.CodeUnreadable},
		"not read whole":         {inventory.Tag{Name: heldTag, Digest: digest}, since.AddDate(0, 1, 0), []inventory.Gap{{Code: "tags"}}, nil, policy.Hold, policy.CodeGap},
		"in use by its tag":      {inventory.Tag{Name: heldTag, Digest: digest}, since.AddDate(0, 1, 0), nil, used(heldTag, ""), policy.Keep, policy.CodeInUse},
		"in use by its digest":   {inventory.Tag{Name: heldTag, Digest: digest}, since.AddDate(0, 1, 0), nil, used("", digest), policy.Keep, policy.CodeInUse},
		"pulled there":           {inventory.Tag{Name: heldTag, Digest: digest, Pushed: since, Pulled: since.AddDate(0, 0, 2)}, since.AddDate(0, 1, 0), nil, nil, policy.Keep, policy.CodePulledWithin},
		"read to be put there":   {inventory.Tag{Name: heldTag, Digest: digest, Pushed: since.Add(time.Hour), Pulled: since.Add(50 * time.Minute)}, since.AddDate(0, 1, 0), nil, nil, policy.Remove, policy.CodeExpired},
		"pulled before, as ever": {inventory.Tag{Name: heldTag, Digest: digest, Pulled: since.AddDate(0, 0, -2)}, since.AddDate(0, 1, 0), nil, nil, policy.Remove, policy.CodeExpired},
	} {
		repo := &inventory.Repository{
			Registry: "r.example.com", Name: "quarantine/app", Depth: inventory.Graph, Gaps: c.gaps,
			Tags:      []inventory.Tag{c.tag, {Name: "20260301T100000Z-0000000a.2.entry", Digest: oci.FromBytes([]byte("2"))}},
			Manifests: map[oci.Digest]*inventory.Manifest{digest: {Digest: digest, Read: true}},
		}
		own := rules{parsed(t, `{version: 1, policies: [{repositories: "**", rules: [{tags: "**", remove: [{everything: true}], keep: [{newest: 1}]}]}]}`)}
		report := own.Evaluate(repo, c.evidence, c.now)
		for _, d := range report.Decisions {
			if d.Root.Name() != c.tag.Name {
				if d.Verdict != policy.Keep {
					t.Errorf("%s: the record of an archive is %s", name, d.Verdict)
				}
				continue
			}
			if d.Verdict != c.verdict || d.Reasons[0].Code != c.code {
				t.Errorf("%s: %s for %s, want %s for %s", name, d.Verdict, d.Reasons[0].Code, c.verdict, c.code)
			}
		}
		if s := own.Settings(report.Policy); !s.Exempt || s.Grace != 0 || s.MaxShare != 1 {
			t.Errorf("%s: settings %+v", name, s)
		}
		if warned := len(report.Warnings) > 0; warned != (c.code == policy.CodePulledWithin) {
			t.Errorf("%s: warnings %v", name, report.Warnings)
		}
	}
	if s := (rules{parsed(t, holdsTwoWeeks)}).Settings(-1); s.Exempt {
		t.Error("a repository without a policy is exempt")
	}
}

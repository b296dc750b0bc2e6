package policy

import (
	"strconv"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy/document"
)

// settings reads the settings that stand in v over those that hold above it.
func (c *compiler) settings(v *document.Value, s settings) settings {
	for _, field := range v.Fields {
		if _, known := find(field.Key, settingKeys); known {
			c.setting(field.Key, field.Value, &s)
		}
	}
	return s
}

func (c *compiler) setting(name string, v *document.Value, s *settings) {
	switch name {
	case "timezone":
		zone, err := time.LoadLocation(v.Text)
		if err != nil || v.Text == "" || v.Text == "Local" {
			c.problem(v, "", "timezone: %q is not a name of the IANA time zone database, such as Europe/Berlin", v.Text)
			return
		}
		s.zone = zone
	case "grace":
		d := c.duration(v, name, true)
		if d.Months > 0 {
			c.problem(v, "", "grace: months and years have no fixed length; write days")
		}
		s.Grace = d.Exact
	case "floor":
		s.Floor = c.whole(v, name, 0)
	case "max_removals":
		if v.Text == "unlimited" {
			s.MaxRemovals = Limit{}
			return
		}
		s.MaxRemovals = Limit{Set: true, N: c.whole(v, name, 0)}
	case "max_share":
		s.MaxShare = c.share(v, name)
	case "attachments":
		if c.mapping(v, name, orphanKeys) {
			if orphans := v.Field("orphans"); orphans != nil {
				s.RemoveOrphans = c.choice(orphans, orphanKeys, "orphans") == "remove"
			}
		}
	case "untag":
		s.Overwrite = c.choice(v, settingKeys, name) == "overwrite"
	case "unknown_age":
		s.unknownOld = c.choice(v, settingKeys, name) == "old"
	case "quarantine":
		if s.Quarantine = c.text(v, name); !oci.ValidRepository(s.Quarantine) {
			c.problem(v, "", "quarantine: %q cannot begin the name of a repository", v.Text)
		}
	case "expiry_label":
		s.expiryLabel = c.text(v, name)
	}
}

// share reads 30% or 0.3.
func (c *compiler) share(v *document.Value, what string) float64 {
	number, percent := strings.CutSuffix(v.Text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n >= 0 && n <= 1) || v.Kind == document.List || v.Kind == document.Map {
		c.problem(v, "", "%s: %q is not a share from 0%% to 100%%", what, v.Text)
		return 0
	}
	return n
}

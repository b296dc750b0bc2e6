package policy

// Flags are a policy as it is written on the command line.
type Flags struct {
	OlderThan string   // --older-than: a duration; "" when not given
	Keep      int      // --keep: a number of images; 0 when not given
	Tags      []string // --tags: patterns of the tags that the rule claims; nil: all
	Protect   []string // --protect: patterns of tags that always stay
}

// FromFlags writes the flags as the policy file that means the same, to be
// given to Parse. The error names the flag that cannot be understood.
func FromFlags(flags Flags) ([]byte, error) { return nil, nil }

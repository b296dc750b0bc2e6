package wrap

import (
	"testing"
	"time"
)

// How long a kind of request could take that is first asked for when others take
// three times as long as they could.
func TestGuess(t *testing.T) {
	now := time.Now()
	strained := func() *strain {
		s := newStrain()
		s.ease(headManifest, 5*ms, now)
		for range 100 {
			s.ease(headManifest, 15*ms, now)
		}
		return &s
	}
	for took, want := range map[time.Duration]time.Duration{
		60 * ms: 20 * ms,
		9 * ms:  5 * ms, // no less than the other kind
		2 * ms:  2 * ms,
	} {
		if got := strained().ease(getBlob, took, now).Round(ms); got != want {
			t.Errorf("took %v: could take %v, want %v", took, got, want)
		}
	}
	s := newStrain()
	if got := s.ease(getBlob, 60*ms, now); got != 60*ms {
		t.Errorf("the first of all: %v", got)
	}

	// Asking less did not help: what it took was no strain.
	s = *strained()
	s.ease(getBlob, 60*ms, now)
	s.tolerate(now)
	if got := s.ease(getBlob, 61*ms, now); got != 60*ms {
		t.Errorf("after a look that did not help: %v", got)
	}

	// Nobody knows for ever what nobody saw.
	s = *strained()
	s.ease(getBlob, 60*ms, now)
	if got := s.ease(getBlob, 61*ms, now.Add(easeSpan+1)); got != 60*ms {
		t.Errorf("in the next span: %v", got)
	}
}

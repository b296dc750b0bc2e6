package plan_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
)

// procs is how many goroutines may run at once until the test ends.
func procs(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Lines that are encoded side by side stand where they would stand without.
func TestManyVerdictsKeepTheirOrder(t *testing.T) {
	for _, at := range []int{1, 2, 8} {
		procs(t, at)
		for _, n := range []int{2, 254, 256, 258, 512, 3000} {
			a := large(n)
			slices.Reverse(a.report.Decisions)
			var text bytes.Buffer
			b := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Stream(&text, &plan.Held{}))
			if err := b.Add(a.repo, a.report, settings()); err != nil {
				t.Fatal(err)
			}
			finish(t, b)
			if want := encoded(t, buildLarge(t, a)); !bytes.Equal(text.Bytes(), want) {
				t.Fatalf("%d tags on %d processors: not the plan that is made in memory", n, at)
			}
		}
	}
}

// encodings is a fact that counts how often, and how often at once, it is
// encoded.
type encodings struct {
	all, now, most atomic.Int64
	fails          int64 // the so manieth
	long           time.Duration
}

var errNoJSON = errors.New("cannot be encoded")

func (e *encodings) MarshalJSON() ([]byte, error) {
	defer e.now.Add(-1)
	for n := e.now.Add(1); ; {
		if most := e.most.Load(); n <= most || e.most.CompareAndSwap(most, n) {
			break
		}
	}
	if e.all.Add(1) == e.fails {
		return nil, errNoJSON
	}
	time.Sleep(e.long)
	return []byte("1"), nil
}

// in puts the fact into decisions of a, the first of them at place from.
func (e *encodings) in(a addition, from int) addition {
	for i := from; i < len(a.report.Decisions); i++ {
		a.report.Decisions[i].Reasons[0].Facts = map[string]any{"days": e}
	}
	return a
}

func TestHowManyVerdictsAreEncodedAtOnce(t *testing.T) {
	procs(t, 8)
	for n, most := range map[int]int64{256: 1, 3000: 4} {
		facts := &encodings{long: time.Microsecond}
		a := facts.in(large(n), 0)
		b := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Stream(io.Discard, &plan.Held{}))
		if err := b.Add(a.repo, a.report, settings()); err != nil {
			t.Fatal(err)
		}
		if got := facts.most.Load(); got > most || n > 256 && got == 1 {
			t.Errorf("%d tags: %d verdicts at once, want at most %d", n, got, most)
		}
	}
}

// room is an output that takes so many bytes.
type room struct {
	bytes.Buffer
	left int
}

func (r *room) Write(p []byte) (int, error) {
	if r.left -= len(p); r.left < 0 {
		return 0, errFull
	}
	return r.Buffer.Write(p)
}

// Whatever fails in the middle of a repository is told, and what was written
// before is the beginning of the plan.
func TestManyVerdictsFailInTheMiddle(t *testing.T) {
	procs(t, 4)
	whole := encoded(t, buildLarge(t, (&encodings{}).in(large(6000), 0)))
	for name, test := range map[string]struct {
		facts *encodings
		room  int
		want  error
	}{
		"the output":   {&encodings{}, 300_000, errFull},
		"the encoding": {&encodings{fails: 2000}, 1 << 30, errNoJSON},
	} {
		a := test.facts.in(large(6000), 0)
		out := &room{left: test.room}
		b := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Stream(out, &plan.Held{}))
		err := b.Add(a.repo, a.report, settings())
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v", name, err)
		}
		if n := test.facts.all.Load(); n > 4000 {
			t.Errorf("%s: %d verdicts were encoded", name, n)
		}
		if !bytes.HasPrefix(whole, out.Bytes()) || strings.Count(out.String(), "\n") < 500 {
			t.Errorf("%s: %d bytes were written that are not the beginning of the plan", name, out.Len())
		}
		if _, err := b.Finish(0, 0); !errors.Is(err, test.want) {
			t.Errorf("%s: finished with error %v", name, err)
		}
	}
}

// Who is told that a plan failed may change the repository.
func TestNobodyLooksAtARepositoryThatFailed(t *testing.T) {
	procs(t, 4)
	slow := &encodings{long: 50 * time.Microsecond}
	a := slow.in(large(3000), 256)
	b := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Stream(failing{errFull}, &plan.Held{}))
	err := b.Add(a.repo, a.report, settings())
	if now := slow.now.Load(); !errors.Is(err, errFull) || now != 0 {
		t.Errorf("error %v, while %d verdicts are still encoded", err, now)
	}
}

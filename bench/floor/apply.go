package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

// removal is one removal: what is looked at before and after, and what is
// deleted.
type removal struct{ repository, look, remove, gone string }

type removals struct {
	each   []removal
	before []removal // every tag of the repositories concerned
	after  []removal // those that stay
}

// line is what counts in a line of a plan.
type line struct {
	Type, Repository, Tag, Digest, Verdict, Action string
	Takes                                          []string
}

func readRemovals(name string) (all removals, err error) {
	file, err := os.Open(name)
	if err != nil {
		return all, err
	}
	defer file.Close()
	concerned := map[string]bool{}
	var stay []removal
	for in := json.NewDecoder(file); ; {
		var l line
		if err := in.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return all, err
		}
		switch l.Type {
		case "verdict":
			t := removal{repository: l.Repository, look: l.Tag}
			all.before = append(all.before, t)
			if l.Verdict != "remove" {
				stay = append(stay, t)
			}
		case "step":
			concerned[l.Repository] = true
			t := removal{l.Repository, l.Tag, l.Tag, l.Tag}
			if l.Action == "delete-manifest" {
				t = removal{l.Repository, l.Digest, l.Digest, l.Digest}
				if len(l.Takes) > 0 {
					t.look = l.Takes[0]
				}
			}
			all.each = append(all.each, t)
		}
	}
	for _, t := range stay {
		if concerned[t.repository] {
			all.after = append(all.after, t)
		}
	}
	return all, nil
}

// apply carries out a plan with as little as can be said to carry it out:
// look, delete, look again. It archives nothing, writes nothing down and
// believes the plan. With whole it also sends the looks that regkeep promises
// for every repository: each of its tags once before anything is deleted, and
// each tag that stays once afterwards.
func (f *floor) apply(ctx context.Context, file string, whole bool) (int64, error) {
	all, err := readRemovals(file)
	if err != nil {
		return 0, err
	}
	var requests atomic.Int64
	send := func(method string, t removal, reference string, want int) error {
		requests.Add(1)
		return f.expect(ctx, method, "/v2/"+t.repository+"/manifests/"+reference, want)
	}
	present := func(t removal) error { return send(http.MethodHead, t, t.look, http.StatusOK) }
	if whole {
		if err := f.each(all.before, present); err != nil {
			return requests.Load(), err
		}
	}
	err = f.each(all.each, func(t removal) error {
		return errors.Join(present(t), send(http.MethodDelete, t, t.remove, http.StatusAccepted), send(http.MethodHead, t, t.gone, http.StatusNotFound))
	})
	if whole && err == nil {
		err = f.each(all.after, present)
	}
	return requests.Load(), err
}

// each does one thing to all removals, as many at once as the floor may.
func (f *floor) each(all []removal, do func(removal) error) error {
	var next atomic.Int64
	failures := make([]error, f.concurrent)
	var workers sync.WaitGroup
	for i := range f.concurrent {
		workers.Go(func() {
			for at := next.Add(1) - 1; at < int64(len(all)) && failures[i] == nil; at = next.Add(1) - 1 {
				failures[i] = do(all[at])
			}
		})
	}
	workers.Wait()
	return errors.Join(failures...)
}

func (f *floor) expect(ctx context.Context, method, path string, want int) error {
	request, err := http.NewRequestWithContext(ctx, method, f.base+path, nil)
	if err != nil {
		return err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s %s: HTTP %d, want %d", method, path, response.StatusCode, want)
	}
	return nil
}

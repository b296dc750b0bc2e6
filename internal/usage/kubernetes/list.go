package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// cluster is one API server.
type cluster struct {
	client *http.Client
	base   string
	name   string
	pause  func(context.Context, time.Duration) error
}

const (
	pageSize    = 500
	mostRestart = 3
	mostBytes   = 256 << 20 // of one page
	mostTries   = 5         // of one page
	firstPause  = 500 * time.Millisecond
	mostPause   = 30 * time.Second // that a server can ask for
)

// list reads all pages of one kind. A list that grows too old while it is
// read (410 Gone) starts again from its first page.
func (c cluster) list(ctx context.Context, l listing, namespace string, found func(image, what string)) error {
	token := ""
	for restarts := 0; ; {
		read, err := c.patiently(ctx, l, namespace, token)
		var status statusError
		if errors.As(err, &status) && status.code == http.StatusGone && restarts < mostRestart {
			restarts++
			token = ""
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: list %s: %w%s", c.name, l.plural, err, l.advice(status.code))
		}
		for _, raw := range read.Items {
			name, in, images, err := l.images(raw)
			if err != nil {
				return fmt.Errorf("%s: list %s: %w", c.name, l.plural, err)
			}
			what := fmt.Sprintf("%s %s/%s", l.kind, in, name)
			for _, image := range images {
				found(image, what)
			}
		}
		if token = read.Metadata.Continue; token == "" {
			return nil
		}
	}
}

// advice says what to do about an answer.
func (l listing) advice(code int) string {
	group, _, _ := cutLast(strings.TrimPrefix(strings.TrimPrefix(l.group, "apis/"), "api"))
	switch code {
	case http.StatusForbidden:
		return fmt.Sprintf("; grant {apiGroups: [%q], resources: [%s], verbs: [list]} (see deploy/kubernetes)", group, l.plural)
	case http.StatusUnauthorized:
		return "; the credentials of the kubeconfig are not accepted: they may have expired"
	case http.StatusNotFound:
		return "; the cluster does not serve this kind"
	}
	return ""
}

// patiently asks for a page again when the server is busy, or when it or the
// way to it broke down in the middle: then nothing of the page is believed.
func (c cluster) patiently(ctx context.Context, l listing, namespace, token string) (page, error) {
	pause := firstPause
	for try := 1; ; try++ {
		read, err := c.page(ctx, l, namespace, token)
		var status statusError
		known := errors.As(err, &status)
		busy := known && (status.code == http.StatusTooManyRequests || status.code >= http.StatusInternalServerError)
		if err == nil || known && !busy || try == mostTries || ctx.Err() != nil {
			return read, err
		}
		wait := pause
		if status.after > 0 {
			wait = min(status.after, mostPause)
		}
		pause *= 2
		if c.pause(ctx, wait) != nil {
			return page{}, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type statusError struct {
	code    int
	message string
	after   time.Duration // that the server asks to wait; 0: it does not
}

func (s statusError) Error() string {
	if s.message == "" {
		return fmt.Sprintf("HTTP %d", s.code)
	}
	return fmt.Sprintf("HTTP %d: %s", s.code, s.message)
}

// answered says that the server is there and said no.
func answered(err error) bool {
	var status statusError
	return errors.As(err, &status)
}

type page struct {
	Kind     string                    `json:"kind"`
	Metadata struct{ Continue string } `json:"metadata"`
	Items    []json.RawMessage         `json:"items"`
}

func (c cluster) page(ctx context.Context, l listing, namespace, token string) (page, error) {
	address := c.base + "/" + l.group
	if namespace != "" {
		address += "/namespaces/" + url.PathEscape(namespace)
	}
	address += fmt.Sprintf("/%s?limit=%d", l.plural, pageSize)
	if token != "" {
		address += "&continue=" + url.QueryEscape(token)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, mostBytes)
	if response.StatusCode != http.StatusOK {
		var status struct{ Message string }
		_ = json.NewDecoder(body).Decode(&status) // the message is a courtesy
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return page{}, statusError{response.StatusCode, status.Message, time.Duration(seconds) * time.Second}
	}
	var p page
	if err := json.NewDecoder(body).Decode(&p); err != nil {
		return page{}, fmt.Errorf("the answer ended early or is no list: %w", err)
	}
	if !strings.HasSuffix(p.Kind, "List") {
		return page{}, fmt.Errorf("the answer is no list of %s (kind %q): check the server of the kubeconfig", l.plural, p.Kind)
	}
	return p, nil
}

package distribution_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// atOnce is a wire without a network: it answers every request with a manifest.
type atOnce struct{ header http.Header }

func (a atOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{
		StatusCode: http.StatusOK, Header: a.header, ContentLength: int64(len(sample)), Body: http.NoBody, Request: req,
	}
	if req.Method == http.MethodGet {
		resp.Body = io.NopCloser(strings.NewReader(sample))
	}
	return resp, nil
}

// BenchmarkRequest is what this program itself spends on one request: everything
// between the caller and the wire.
func BenchmarkRequest(b *testing.B) {
	digest := string(oci.FromBytes([]byte(sample)))
	wire := atOnce{http.Header{"Docker-Content-Digest": {digest}, "Content-Type": {oci.MediaTypeImage}}}
	r, err := distribution.New(registry.Endpoint{Address: "registry.example.com"}, wrap.WithTransport(wire))
	if err != nil {
		b.Fatal(err)
	}
	measure := func(name, reference string, ask func(reference string) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(reference); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	head := func(reference string) error {
		_, err := r.Head(b.Context(), "team/app", reference)
		return err
	}
	manifest := func(reference string) error {
		_, err := r.Manifest(b.Context(), "team/app", reference)
		return err
	}
	measure("head/tag", "v1.2.3", head)
	measure("head/digest", digest, head)
	measure("manifest/digest", digest, manifest)
}

// BenchmarkHead looks at 5,000 tags behind a latency of 5 ms, with this
// adapter and with bare net/http at the best concurrency.
func BenchmarkHead(b *testing.B) {
	const tags, workers = 5000, 64
	digest := string(oci.FromBytes([]byte(sample)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		timer := time.NewTimer(5 * time.Millisecond)
		<-timer.C
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Type", oci.MediaTypeImage)
	}))
	defer s.Close()
	spread := func(look func(tag string) error) {
		next := make(chan int)
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for i := range next {
					if err := look(fmt.Sprintf("t%05d", i)); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for i := range tags {
			next <- i
		}
		close(next)
		all.Wait()
	}
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			transport := &http.Transport{MaxIdleConnsPerHost: workers}
			spread(func(tag string) error {
				req, _ := http.NewRequestWithContext(b.Context(), "HEAD", s.URL+"/v2/app/manifests/"+tag, nil)
				resp, err := transport.RoundTrip(req)
				if err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				return err
			})
			transport.CloseIdleConnections()
		}
	})
	b.Run("regkeep", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := distribution.New(registry.Endpoint{Address: s.URL})
			if err != nil {
				b.Fatal(err)
			}
			spread(func(tag string) error {
				_, err := r.Head(b.Context(), "app", tag)
				return err
			})
			r.Close()
		}
	})
}

package distribution_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/distribution"
)

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

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/regkeep/regkeep/bench/synthetic"
	"github.com/regkeep/regkeep/internal/oci"
)

// push puts the images of a shape into one repository of a real registry.
func push(ctx context.Context, host, repository string, shape synthetic.Shape) error {
	p := pusher{base: "http://" + host + "/v2/" + repository}
	if err := p.ready(ctx, "http://"+host+"/v2/"); err != nil {
		return err
	}
	images := synthetic.New(shape)
	var mu sync.Mutex
	var failed error
	var pushing sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range (shape.Tags + shape.PerImage - 1) / shape.PerImage {
		slots <- struct{}{}
		pushing.Go(func() {
			defer func() { <-slots }()
			manifest, config, layer := images.Image(i)
			err := p.blob(ctx, config)
			if err == nil {
				err = p.blob(ctx, layer)
			}
			for n := i * shape.PerImage; n < min(shape.Tags, (i+1)*shape.PerImage) && err == nil; n++ {
				err = p.put(ctx, p.base+"/manifests/"+synthetic.TagName(n), oci.MediaTypeImage, manifest)
			}
			mu.Lock()
			defer mu.Unlock()
			if failed == nil {
				failed = err
			}
		})
	}
	pushing.Wait()
	return failed
}

type pusher struct{ base string }

// ready waits until the registry answers.
func (p pusher) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		err := p.send(ctx, http.MethodGet, address, "", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (p pusher) blob(ctx context.Context, body []byte) error {
	var location *url.URL
	if err := p.send(ctx, http.MethodPost, p.base+"/blobs/uploads/", "", nil, func(response *http.Response) (err error) {
		location, err = response.Location()
		return err
	}); err != nil {
		return err
	}
	query := location.Query()
	query.Set("digest", string(oci.FromBytes(body)))
	location.RawQuery = query.Encode()
	return p.put(ctx, location.String(), "application/octet-stream", body)
}

func (p pusher) put(ctx context.Context, address, mediaType string, body []byte) error {
	return p.send(ctx, http.MethodPut, address, mediaType, body, nil)
}

func (p pusher) send(ctx context.Context, method, address, mediaType string, body []byte, read func(*http.Response) error) error {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode >= 300:
		return fmt.Errorf("%s %s: HTTP %d: %.200s", method, address, response.StatusCode, text)
	case read != nil:
		return read(response)
	}
	return nil
}

package demo

import (
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

// Nexus is an emulated Nexus Repository with the images of a company.
type Nexus struct {
	URL, Version       string
	Username, Password string
	stop               func()
}

const (
	hosted    = "docker-hosted"
	megabytes = 1 << 20
)

// StartNexus starts the emulator and fills it. It is not Sonatype's software
// and shares no code with it.
func StartNexus(now time.Time) (*Nexus, error) {
	n := &Nexus{Username: "cleaner", Password: "demo-" + now.Format("150405.000")}
	server := nexustest.New(nexustest.Options{Users: []nexustest.User{{Name: n.Username, Password: n.Password, Privileges: []string{nexustest.PrivilegeAll}}}})
	ago := func(days float64) time.Time { return now.Add(-time.Duration(days * 24 * float64(time.Hour))) }
	image := func(name string, size int) nexustest.Image {
		return nexustest.Image{Layers: []string{nexustest.Filler("base", 2*megabytes), nexustest.Filler(name, size)}}
	}
	for i, days := range []float64{190.4, 163.5, 131.4, 104.5, 77.4, 58.5, 44.4, 33.5, 17.4, 5.5} {
		tag := fmt.Sprintf("2.%d.0", i)
		server.Push(hosted, "shop/cart", tag, image("cart "+tag, megabytes/2), ago(days))
		if i == 2 { // old, and started every night
			server.SetLastDownloaded(hosted, "shop/cart", tag, ago(0.6))
		}
		if i == 9 {
			server.Retag(hosted, "shop/cart", tag, "latest", ago(days))
		}
	}
	for i, days := range []float64{210.4, 171.5, 140.4, 112.5, 86.4, 52.5, 21.4} {
		tag := fmt.Sprintf("1.%d", i)
		digest := server.PushIndex(hosted, "shop/web", tag, []nexustest.Image{
			image("web amd64 "+tag, megabytes), {Platform: arm64, Layers: []string{nexustest.Filler("web arm64 "+tag, megabytes)}},
		}, ago(days))
		if i%3 == 0 {
			server.Sign(hosted, "shop/web", digest, ago(days))
		}
	}
	server.Push(hosted, "data/etl", "weekly", image("etl", megabytes/4), ago(300))
	var err error
	if n.URL, n.stop, err = server.Start("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the emulated Nexus: %w", err)
	}
	n.Version = server.Version()
	return n, nil
}

// Close ends the emulator.
func (n *Nexus) Close() { n.stop() }

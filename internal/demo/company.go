package demo

import (
	"fmt"
	"time"
)

// company pushes everything that the teams of a web shop have built.
func company(p *pusher) {
	storefront(p)
	cart(p)
	checkout(p)
	nightly(p)
	notebook(p)
	runner(p)
	gateway(p)
	mailer(p)
}

// storefront: releases for two platforms, some of them signed; latest and v2
// move.
func storefront(p *pusher) {
	for i, days := range []float64{212, 176, 149, 121, 96, 73, 52, 38, 16, 4} {
		b := build{repository: "shop/storefront", name: fmt.Sprintf("2.%d.0", i), base: "node", size: 320_000 + 9_000*i, created: p.ago(days)}
		tags := []string{"v" + b.name}
		if i == 9 {
			tags = append(tags, "v2", "latest")
		}
		released := p.everywhere(b, tags...)
		if i%2 == 1 {
			p.sign(b.repository, released)
		}
	}
}

// cart: a build of main every few days; releases carry a second tag.
func cart(p *pusher) {
	for i := range 18 {
		b := build{repository: "shop/cart", name: fmt.Sprintf("main-%d", 412+7*i), base: "go", size: 180_000 + 4_000*i, created: p.ago(95 - 5.4*float64(i))}
		tags := []string{b.name}
		if i%6 == 5 {
			tags = append(tags, fmt.Sprintf("release-%d", 31+i/6))
		}
		p.image(b, amd64, tags...)
	}
}

// checkout: seldom built; latest was forgotten on an old release.
func checkout(p *pusher) {
	for i, days := range []float64{401, 364, 333, 287, 251, 204, 166} {
		b := build{repository: "shop/checkout", name: fmt.Sprintf("1.%d", i), base: "jre", size: 240_000, created: p.ago(days)}
		tags := []string{"v" + b.name}
		if i == 1 {
			tags = append(tags, "latest")
		}
		p.image(b, amd64, tags...)
	}
}

// nightly: one image a night, named by its day.
func nightly(p *pusher) {
	for i := range 24 {
		created := p.ago(float64(2*i) + 0.4)
		b := build{repository: "data/etl", name: created.Format("nightly-20060102"), base: "python", size: 150_000, created: created}
		p.image(b, amd64, b.name)
	}
}

// notebook: its build tool writes 1970 into every image, so nobody can tell
// how old these are; the newer ones are built otherwise.
func notebook(p *pusher) {
	for i := range 3 {
		b := build{repository: "data/notebook", name: fmt.Sprintf("repro-%d", i+1), base: "python", size: 210_000, created: time.Unix(0, 0)}
		p.image(b, amd64, b.name)
	}
	for i, days := range []float64{88, 71, 55, 41, 27, 19, 8} {
		b := build{repository: "data/notebook", name: fmt.Sprintf("0.%d", i+4), base: "python", size: 210_000, created: p.ago(days)}
		p.image(b, amd64, b.name)
	}
}

// runner: pull requests, most of them merged long ago, and one image for two
// platforms whose parts have tags of their own.
func runner(p *pusher) {
	for i := range 9 {
		b := build{repository: "platform/ci-runner", name: fmt.Sprintf("pr-%d", 1180+13*i), base: "debian", size: 90_000, created: p.ago(130 - 14*float64(i))}
		p.image(b, amd64, b.name)
	}
	b := build{repository: "platform/ci-runner", name: "2024.1", base: "debian", size: 400_000, created: p.ago(160)}
	parts := document{SchemaVersion: 2, MediaType: mediaIndex, Manifests: []descriptor{
		p.image(b, amd64, "2024.1-amd64"), p.image(b, arm64, "2024.1-arm64"),
	}}
	p.put(b.repository, parts, "2024.1")
}

// mailer: not built for a year, and still needed: fewer than five.
func mailer(p *pusher) {
	for i, days := range []float64{390, 371, 358} {
		b := build{repository: "platform/mailer", name: fmt.Sprintf("3.%d", i), base: "python", size: 100_000, created: p.ago(days)}
		p.image(b, amd64, "v"+b.name)
	}
}

// gateway: young, nothing to do here.
func gateway(p *pusher) {
	for i, days := range []float64{20, 13, 6} {
		b := build{repository: "platform/gateway", name: fmt.Sprintf("0.9.%d", i), base: "go", size: 120_000, created: p.ago(days)}
		d := p.everywhere(b, "v"+b.name)
		if i == 2 {
			p.sign(b.repository, d)
		}
	}
}

package app

import (
	"testing"

	"github.com/regkeep/regkeep/internal/usage"
)

func TestSuggestTheAliasThatExplainsMostNames(t *testing.T) {
	targets := map[string][]string{
		"registry.example.com": {"shop/cart", "shop/web", "base/os"},
		"nexus":                {"docker-hosted/shop/cart", "docker-hosted/shop/web", "docker-hosted/pay", "hub/library/nginx"},
	}
	for name, test := range map[string]struct {
		repositories []string
		want         usage.Alias
		count        int
	}{
		"the same path":        {[]string{"shop/cart", "base/os"}, usage.Alias{From: "m:5000", To: "registry.example.com"}, 2},
		"behind a prefix":      {[]string{"proxy/shop/cart", "proxy/base/os", "other"}, usage.Alias{From: "m:5000/proxy", To: "registry.example.com"}, 2},
		"a connector of Nexus": {[]string{"shop/cart", "shop/web", "pay"}, usage.Alias{From: "m:5000", To: "nexus/docker-hosted"}, 3},
		"nothing alike":        {[]string{"mysql", "shop"}, usage.Alias{}, 0},
	} {
		got, count := suggest("m:5000", test.repositories, targets)
		if count != test.count || got == nil != (test.count == 0) || got != nil && *got != test.want {
			t.Errorf("%s: %+v for %d, want %+v for %d", name, got, count, test.want, test.count)
		}
	}
}

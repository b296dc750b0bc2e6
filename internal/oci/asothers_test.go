package oci

import (
	stdjson "encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// A manifest says to regkeep what it says to those who push and pull it, most of
// which read it with Go's first encoding/json: an edge that only they see would
// be cut.
func TestManifestsAreReadAsOthersReadThem(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	descriptor := `{"mediaType":"m","digest":"` + digest + `","size":7,"annotations":{"k":"v"},"platform":{"os":"linux","architecture":"arm64"}}`
	plain := `{"schemaVersion":2,"mediaType":"m","config":` + descriptor + `,"layers":[` + descriptor + `,` + descriptor +
		`],"manifests":[` + descriptor + `],"subject":` + descriptor + `,"annotations":{"a":"b"},"fsLayers":[{"x":1}]}`
	odd := []string{
		plain, `{}`, `null`, `[]`, ``, `{"layers":null,"config":null,"fsLayers":null}`, `{"layers":[null]}`,
		strings.Replace(plain, `"layers"`, `"Layers"`, 1), strings.Replace(plain, `"digest"`, `"DIGEST"`, 1),
		`{"layers":[` + descriptor + `],"layers":[]}`, `{"layers":[],"LAYERS":[` + descriptor + `]}`,
		`{"config":{"digest":"a"},"config":{"size":1}}`, `{"annotations":{"a":"1"},"annotations":{"b":"2"}}`,
		`{"annotations":{"a":"` + "\xff" + `"}}`, `{"annotations":{"a":"\ud800"}}`, `{"annotations":{"a":1}}`,
		`{"layers":[{"size":1.5}]}`, `{"layers":[{"size":"1"}]}`, `{"layers":[{"size":1e3}]}`, `{"layers":[{"size":99999999999999999999}]}`,
		`{"layers":{}}`, `{"config":[]}`, plain + ` `, plain + `x`, `{"unknown":{"deep":[1,2,{"a":null}]}}`,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		body := []byte(plain)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(body))
			switch random.IntN(3) {
			case 0:
				body[at] = `{}[]":,0ae.-nLS\`[random.IntN(16)]
			case 1:
				body = append(body[:at], body[at+1:]...)
			default:
				to := min(len(body), at+random.IntN(40))
				body = append(body[:to:to], body[at:]...) // again
			}
		}
		odd = append(odd, string(body))
	}
	for _, body := range odd {
		var theirs, ours manifestDocument
		theirErr, ourErr := stdjson.Unmarshal([]byte(body), &theirs), json.Unmarshal([]byte(body), &ours, asRegistriesDo)
		if (theirErr == nil) != (ourErr == nil) {
			t.Errorf("%s\ntheirs %v, ours %v", body, theirErr, ourErr)
		} else if theirErr == nil && !reflect.DeepEqual(theirs, ours) {
			t.Errorf("%s\ntheirs %+v\nours   %+v", body, theirs, ours)
		}
	}
}

package oci

import (
	"crypto/sha512"
	"regexp"
	"strings"
	"testing"
)

var hex64 = strings.Repeat("ab", 32)

func TestParseDigest(t *testing.T) {
	for _, good := range []string{"sha256:" + hex64, "sha512:" + hex64 + hex64} {
		if d, err := ParseDigest(good); err != nil || string(d) != good {
			t.Errorf("ParseDigest(%q) = %q, %v", good, d, err)
		}
	}
	for _, bad := range []string{"", "sha256", "sha256:", hex64, "sha256:" + hex64[1:], "sha256:" + strings.ToUpper(hex64), "md5:" + hex64, "sha256:" + hex64 + "0"} {
		if d, err := ParseDigest(bad); err == nil {
			t.Errorf("ParseDigest(%q) = %q, want an error", bad, d)
		}
	}
	body := []byte("hello")
	if err := FromBytes(body).Verify(body); err != nil {
		t.Error(err)
	}
	if err := FromBytes(body).Verify([]byte("other")); err == nil {
		t.Error("another body passed verification")
	}
	for _, known := range []Digest{ // as sha256sum and sha512sum compute them
		"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		"sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
	} {
		if err := known.Verify(body); err != nil {
			t.Error(err)
		}
		if err := known.Verify([]byte("other")); err == nil {
			t.Errorf("another body passed as %s", known)
		}
	}
}

func TestSum(t *testing.T) {
	sum := sha512.Sum512([]byte("x"))
	for _, d := range []Digest{FromBytes([]byte("x")), FromSum(sum[:])} {
		if again := FromSum(d.Sum()); again != d {
			t.Errorf("%s became %q", d, again)
		}
		if err := d.Verify([]byte("x")); err != nil {
			t.Error(err)
		}
	}
	if d := FromSum(sum[:20]); d != "" {
		t.Errorf("20 bytes: %q", d)
	}
}

func TestParseAttachmentTag(t *testing.T) {
	subject := Digest("sha256:" + hex64)
	for tag, suffix := range map[string]string{
		"sha256-" + hex64: "", "sha256-" + hex64 + ".sig": "sig", "sha256-" + hex64 + ".att": "att",
		"sha256-" + hex64 + ".sbom": "sbom", "sha256-" + hex64 + ".own-thing.v2": "own-thing.v2",
	} {
		got, gotSuffix, ok := ParseAttachmentTag(tag)
		if !ok || got != subject || gotSuffix != suffix {
			t.Errorf("ParseAttachmentTag(%q) = %q, %q, %v", tag, got, gotSuffix, ok)
		}
	}
	for _, tag := range []string{"latest", "sha256-abc", "sha256-" + hex64 + "x", "sha256-" + hex64 + ".", "sha256-" + strings.ToUpper(hex64), "sha256:" + hex64} {
		if got, _, ok := ParseAttachmentTag(tag); ok {
			t.Errorf("ParseAttachmentTag(%q) = %q, want none", tag, got)
		}
	}
	if got := FallbackTag(subject); got != "sha256-"+hex64 {
		t.Errorf("FallbackTag = %q", got)
	}
}

func TestParseReference(t *testing.T) {
	d := Digest("sha256:" + hex64)
	for text, want := range map[string]Reference{
		"localhost:5000/team/app:1.0":         {Registry: "localhost:5000", Repository: "team/app", Tag: "1.0"},
		"r.example.com/app":                   {Registry: "r.example.com", Repository: "app"},
		"app:1":                               {Repository: "app", Tag: "1"},
		"team/app@" + string(d):               {Repository: "team/app", Digest: d},
		"r.example.com/a/b:x@" + string(d):    {Registry: "r.example.com", Repository: "a/b", Tag: "x", Digest: d},
		"[::1]:5000/app:1":                    {Registry: "[::1]:5000", Repository: "app", Tag: "1"},
		"127.0.0.1:5000/deep/er/name_x-y:tag": {Registry: "127.0.0.1:5000", Repository: "deep/er/name_x-y", Tag: "tag"},
	} {
		got, err := ParseReference(text)
		if err != nil || got != want {
			t.Errorf("ParseReference(%q) = %+v, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("String() = %q, want %q", got.String(), text)
		}
	}
	for _, bad := range []string{"", "Upper/case:1", "a//b", "app:", "app:.x", "app@sha256:12", "-app"} {
		if got, err := ParseReference(bad); err == nil {
			t.Errorf("ParseReference(%q) = %+v, want an error", bad, got)
		}
	}
}

// ValidTag agrees with the specification's own expression, byte for byte.
func TestValidTag(t *testing.T) {
	grammar := regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	names := []string{"", strings.Repeat("a", 127), strings.Repeat("a", 128), strings.Repeat("a", 129), "grün", "v1\n", "sha256:" + hex64}
	for c := range 256 {
		letter := string([]byte{byte(c)})
		names = append(names, letter, "a"+letter, "a"+letter+"a")
	}
	for _, name := range names {
		if got, want := ValidTag(name), grammar.MatchString(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestDecodeManifest(t *testing.T) {
	d := `"digest":"sha256:` + hex64 + `","size":3`
	image, err := DecodeManifest(MediaTypeImage+"; charset=utf-8", []byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",`+d+`},"layers":[{`+d+`}],"subject":{`+d+`}}`))
	if err != nil || image.Kind != KindImage || len(image.Layers) != 1 || image.Subject == nil || image.Config == nil {
		t.Errorf("image = %+v, %v", image, err)
	}
	index, err := DecodeManifest("application/json", []byte(`{"mediaType":"`+MediaTypeIndex+`","manifests":[{`+d+`}]}`))
	if err != nil || index.Kind != KindIndex || len(index.Children) != 1 {
		t.Errorf("index served as JSON = %+v, %v", index, err)
	}
	if unknown, err := DecodeManifest("application/x-new", []byte("not json")); err != nil || unknown.Kind != KindUnknown {
		t.Errorf("unknown = %+v, %v", unknown, err)
	}
	if s1, err := DecodeManifest(MediaTypeSignedSchema1, []byte(`{"schemaVersion":1,"fsLayers":[]}`)); err != nil || s1.Kind != KindSchema1 {
		t.Errorf("schema 1 = %+v, %v", s1, err)
	}
	for name, c := range map[string][2]string{
		"no JSON":           {MediaTypeImage, "{"},
		"index as image":    {MediaTypeImage, `{"mediaType":"` + MediaTypeIndex + `"}`},
		"children in image": {MediaTypeImage, `{"manifests":[{` + d + `}]}`},
		"layers in index":   {MediaTypeIndex, `{"layers":[{` + d + `}]}`},
		"bad digest":        {MediaTypeIndex, `{"manifests":[{"digest":"sha256:12","size":1}]}`},
		"negative size":     {MediaTypeImage, `{"layers":[{"digest":"sha256:` + hex64 + `","size":-1}]}`},
	} {
		if got, err := DecodeManifest(c[0], []byte(c[1])); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func TestDecodeConfig(t *testing.T) {
	c, err := DecodeConfig([]byte(`{"created":"2024-05-06T07:08:09.123456789+02:00","os":"linux","architecture":"arm64","variant":"v8","config":{"Labels":{"a":"b"}}}`))
	if err != nil || c.Created.Format("15:04") != "05:08" || c.Platform.String() != "linux/arm64/v8" || c.Labels["a"] != "b" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, absent := range []string{`{}`, `{"created":""}`, `{"created":"yesterday"}`, `{"created":null}`} {
		if c, err := DecodeConfig([]byte(absent)); err != nil || !c.Created.IsZero() {
			t.Errorf("%s: %+v, %v", absent, c, err)
		}
	}
}

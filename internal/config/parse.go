package config

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/regkeep/regkeep/internal/registry"
)

// Parse reads a configuration. file is its name in messages. Keys that belong
// to policies are left to package policy.
func Parse(file string, text []byte) (*File, error) {
	f := &File{Path: file, Text: text}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0:
		return f, nil
	case err != nil:
		return nil, syntax(file, err)
	}
	d := &decoder{file: file}
	d.pairs(document.Content[0], "the configuration", func(key, value *yaml.Node) {
		switch key.Value {
		case "registries":
			d.pairs(value, "registries", func(name, settings *yaml.Node) {
				f.Registries = append(f.Registries, d.registry(name, settings))
			})
		case "in_use":
			f.InUse = d.inUse(value)
		case "state":
			d.text(&f.State)(value)
		case "archive":
			d.text(&f.Archive)(value)
			scheme, path, found := strings.Cut(f.Archive, ":")
			if found && (scheme == "oci" || scheme == "tar") {
				f.Archive = scheme + ":" + expand(path)
			}
		case "plan_max_age":
			d.duration(&f.PlanMaxAge)(value)
		case "policies":
			f.Policies = true
		}
	})
	d.covered(f)
	slices.SortStableFunc(d.problems, position)
	if err := d.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// syntax gives the parser's complaint the form of every other one.
func syntax(file string, err error) error {
	var at *yaml.LoadError
	if errors.As(err, &at) {
		message := at.Message
		if at.ContextMsg != "" {
			message = at.ContextMsg + ": " + message
		}
		return &Problem{File: file, Line: at.Mark.Line, Column: at.Mark.Column, Message: "this is not YAML: " + message}
	}
	return &Problem{File: file, Message: "this is not YAML: " + err.Error()}
}

func (d *decoder) registry(name, n *yaml.Node) Registry {
	r := Registry{Endpoint: registry.Endpoint{Name: name.Value}}
	e := &r.Endpoint
	if name.Value == "" || strings.ContainsAny(name.Value, "/ \t") {
		d.problem(name, "%q cannot name a registry: use a word without spaces and slashes", name.Value)
	}
	address := n
	d.mapping(n, "registry "+name.Value, map[string]func(*yaml.Node){
		"url":                  func(v *yaml.Node) { address = v; d.text(&e.Address)(v) },
		"kind":                 d.text(&e.Kind),
		"plain_http":           func(v *yaml.Node) { d.flag(&e.PlainHTTP)(v); e.ForceTLS = !e.PlainHTTP },
		"ca_file":              d.path(&e.CAFile),
		"insecure_skip_verify": d.flag(&e.InsecureSkipVerify),
		"client_cert":          d.path(&e.ClientCert),
		"client_key":           d.path(&e.ClientKey),
		"concurrency":          d.count(&e.Concurrency),
		"rate":                 d.number(&e.Rate, 0.01),
		"timeout":              d.duration(&e.Timeout),
		"username":             d.text(&r.Secret.Username),
		"password":             d.secret(&r.Secret.Password),
		"token":                d.secret(&r.Secret.Token),
	})
	if n.Kind != yaml.MappingNode {
		return r
	}
	if e.Address == "" {
		d.problem(name, "registry %s has no url", name.Value)
	} else if parsed, err := url.Parse(e.Address); err == nil && parsed.User != nil {
		d.problem(address, "registry %s: the url carries a user name or password; write username: and password: {env: …} instead", name.Value)
		e.Address = ""
	}
	if (e.ClientCert == "") != (e.ClientKey == "") {
		d.problem(name, "registry %s: client_cert and client_key belong together", name.Value)
	}
	if r.Secret.Username == "" && r.Secret.Password.set() {
		d.problem(name, "registry %s has a password and no username", name.Value)
	}
	return r
}

// path expands a leading ~/ and variables, so that a file can be shared.
func (d *decoder) path(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.text(into)(n)
		*into = expand(*into)
	}
}

func expand(path string) string {
	if rest, found := strings.CutPrefix(path, "~/"); found {
		path = "${HOME}/" + rest
	}
	return os.ExpandEnv(path)
}

// customResource is GROUP/VERSION/PLURAL as in the path of the Kubernetes API.
var customResource = regexp.MustCompile(`^[a-z0-9.-]+/v[a-z0-9]+/[a-z0-9]+$`)

const mostRemember = 365 * 24 * time.Hour

func (d *decoder) inUse(n *yaml.Node) InUse {
	var in InUse
	d.mapping(n, "in_use", map[string]func(*yaml.Node){
		"remember": func(v *yaml.Node) {
			d.duration(&in.Remember)(v)
			if in.Remember > mostRemember {
				d.problem(v, "remember: sightings are kept for a year; write at most 365d")
			}
		},
		"timeout": d.duration(&in.Timeout),
		"aliases": func(v *yaml.Node) {
			d.pairs(v, "aliases", func(from, to *yaml.Node) {
				alias := Alias{From: from.Value}
				d.text(&alias.To)(to)
				in.Aliases = append(in.Aliases, alias)
			})
		},
		"sources": func(v *yaml.Node) {
			d.list(v, "sources", func(item *yaml.Node) { in.Sources = append(in.Sources, d.source(item)) })
		},
	})
	return in
}

func (d *decoder) source(n *yaml.Node) Source {
	var s Source
	var maxAge *yaml.Node
	kinds := 0
	one := func(read func(*yaml.Node)) func(*yaml.Node) {
		return func(v *yaml.Node) { kinds++; read(v) }
	}
	d.mapping(n, "an in-use source", map[string]func(*yaml.Node){
		"kubernetes": one(func(v *yaml.Node) {
			s.Kubernetes = &Kubernetes{}
			d.mapping(v, "kubernetes", map[string]func(*yaml.Node){
				"kubeconfig": d.path(&s.Kubernetes.Kubeconfig),
				"context":    d.text(&s.Kubernetes.Context),
				"namespaces": d.texts(&s.Kubernetes.Namespaces, "namespaces"),
				"resources": func(v *yaml.Node) {
					d.texts(&s.Kubernetes.Resources, "resources")(v)
					for i, resource := range s.Kubernetes.Resources {
						if !customResource.MatchString(resource) {
							d.problem(v.Content[i], "%q is no resource; write GROUP/VERSION/PLURAL, such as argoproj.io/v1alpha1/rollouts", resource)
						}
					}
				},
			})
		}),
		"docker": one(func(v *yaml.Node) {
			s.Docker = &Docker{}
			d.mapping(v, "docker", map[string]func(*yaml.Node){
				"host":     d.text(&s.Docker.Host),
				"cert_dir": d.path(&s.Docker.CertDir),
			})
		}),
		"files": one(func(v *yaml.Node) {
			d.texts(&s.Files, "files")(v)
			for i := range s.Files {
				s.Files[i] = expand(s.Files[i])
			}
		}),
		"list": one(func(v *yaml.Node) {
			s.List = &List{}
			d.mapping(v, "list", map[string]func(*yaml.Node){
				"path":    d.path(&s.List.Path),
				"max_age": d.duration(&s.MaxAge),
			})
			if v.Kind == yaml.MappingNode && s.List.Path == "" {
				d.problem(v, "a list has no path")
			}
		}),
		"images":  one(d.texts(&s.Images, "images")),
		"command": one(d.texts(&s.Command, "command")),
		"url":     one(d.text(&s.URL)),
		"max_age": func(v *yaml.Node) { maxAge = v; d.duration(&s.MaxAge)(v) },
		"registries": func(v *yaml.Node) {
			d.texts(&s.Registries, "registries")(v)
			d.covers = append(d.covers, v.Content...)
		},
	})
	if maxAge != nil && s.List == nil && s.Command == nil && s.URL == "" {
		d.problem(maxAge, "max_age is for a list, a command and a url; other sources are asked for what is true now")
	}
	if n.Kind == yaml.MappingNode && kinds != 1 {
		d.problem(n, "an in-use source has exactly one of kubernetes, docker, files, list, images, command and url; this one has %d", kinds)
	}
	return s
}

// covered checks the registries that sources name, once all are known: one that
// is mistyped would be covered by nobody.
func (d *decoder) covered(f *File) {
	var names []string
	for _, r := range f.Registries {
		names = append(names, r.Endpoint.Name)
	}
	for _, n := range d.covers {
		if slices.Contains(names, n.Value) || strings.ContainsAny(n.Value, ".:") {
			continue
		}
		if near := Nearest(n.Value, names); near != "" {
			d.problem(n, "%q is no registry of this file; did you mean %q?", n.Value, near)
			continue
		}
		d.problem(n, "%q is no registry of this file; write the name of one, or HOST[:PORT] as on the command line", n.Value)
	}
}

// secret reads a reference to a secret. A literal is refused unless it is
// asked for by name.
func (d *decoder) secret(into *Reference) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			d.problem(n, "secrets are named, not written: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}; {literal: …} if it must stand in this file")
			return
		}
		d.mapping(n, "a secret", map[string]func(*yaml.Node){
			"env":     d.text(&into.Env),
			"file":    d.path(&into.File),
			"command": d.texts(&into.Command, "command"),
			"literal": d.text((*string)(&into.Literal)),
		})
		if n.Kind == yaml.MappingNode && into.ways() != 1 {
			d.problem(n, "a secret has exactly one of env, file, command and literal; this one has %d", into.ways())
		}
	}
}

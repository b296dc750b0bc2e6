package files

import (
	"bytes"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// structured finds images that a YAML or JSON file spreads over several keys:
// Helm's registry, repository, tag, digest, and Kustomize's newName, newTag,
// digest. It reads nodes, not values, so that a tag written 1.10 stays 1.10.
// What cannot be parsed (a Helm template) was read as words already.
func structured(path string, body []byte, found func(image string)) {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
	default:
		return
	}
	documents := yaml.NewDecoder(bytes.NewReader(body))
	for {
		var document yaml.Node
		if documents.Decode(&document) != nil {
			return
		}
		walk(&document, found)
	}
}

func walk(node *yaml.Node, found func(image string)) {
	if node.Kind == yaml.MappingNode {
		if image, ok := assemble(node); ok {
			found(image)
		}
	}
	for _, inner := range node.Content {
		walk(inner, found)
	}
}

// assemble joins the keys of one mapping to a reference.
func assemble(mapping *yaml.Node) (image string, ok bool) {
	values := map[string]string{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if value := mapping.Content[i+1]; value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
			values[mapping.Content[i].Value] = value.Value
		}
	}
	name := first(values, "repository", "newName", "name")
	tag, digest := first(values, "tag", "newTag"), values["digest"]
	if values["version"] != "" && values["name"] != "" && strings.HasPrefix(values["repository"], "oci://") { // what a chart depends on
		return strings.TrimSuffix(values["repository"], "/") + "/" + values["name"] + ":" + values["version"], true
	}
	if registry := values["registry"]; registry != "" {
		name = strings.TrimSuffix(registry, "/") + "/" + name
	}
	switch {
	case name == "":
		return "", false
	case tag == "" && digest == "":
		// Helm takes the version of the chart, or whatever the template says.
		return name + ":*", values["repository"] != ""
	}
	if tag != "" {
		name += ":" + tag
	}
	if digest != "" {
		name += "@" + digest
	}
	return name, true
}

func first(values map[string]string, keys ...string) string {
	for _, key := range keys {
		if values[key] != "" {
			return values[key]
		}
	}
	return ""
}

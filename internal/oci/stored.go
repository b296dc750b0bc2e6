package oci

import "strings"

// Stored lists config and layers as far as the registry itself holds them:
// layers that may not be distributed lie elsewhere (image-spec layer.md,
// "Non-Distributable Layers").
func (m Manifest) Stored() []Descriptor {
	var stored []Descriptor
	if m.Config != nil {
		stored = append(stored, *m.Config)
	}
	for _, layer := range m.Layers {
		if !strings.Contains(layer.MediaType, "nondistributable") && !strings.Contains(layer.MediaType, ".foreign.") {
			stored = append(stored, layer)
		}
	}
	return stored
}

package kubernetes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// The parts of Kubernetes objects that name images; everything else is left
// unread. One shape serves all kinds, since their fields do not collide.
type (
	metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	}
	object struct {
		Metadata metadata  `json:"metadata"`
		Spec     spec      `json:"spec"`
		Template *template `json:"template"` // pod templates
		Data     *struct { // controller revisions
			Spec spec `json:"spec"`
		} `json:"data"`
		Status status `json:"status"`
	}
	spec struct {
		podSpec
		Template    *template `json:"template"`
		JobTemplate *struct {
			Spec spec `json:"spec"`
		} `json:"jobTemplate"`
	}
	template struct {
		Spec podSpec `json:"spec"`
	}
	podSpec struct {
		InitContainers      []container `json:"initContainers"`
		Containers          []container `json:"containers"`
		EphemeralContainers []container `json:"ephemeralContainers"`
		Volumes             []struct {
			Image *struct {
				Reference string `json:"reference"`
			} `json:"image"`
		} `json:"volumes"`
	}
	container struct {
		Image string `json:"image"`
	}
	status struct {
		InitContainerStatuses      []containerStatus `json:"initContainerStatuses"`
		ContainerStatuses          []containerStatus `json:"containerStatuses"`
		EphemeralContainerStatuses []containerStatus `json:"ephemeralContainerStatuses"`
	}
	containerStatus struct {
		Image   string `json:"image"`
		ImageID string `json:"imageID"`
	}
)

func objectImages(raw []byte) (name, namespace string, images []string, err error) {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return "", "", nil, err
	}
	return o.Metadata.Name, o.Metadata.Namespace, o.images(), nil
}

// customImages finds every text below a key "image", whatever the shape of the
// object.
func customImages(raw []byte) (name, namespace string, images []string, err error) {
	var named struct {
		Metadata metadata `json:"metadata"`
	}
	var anything any
	if err := json.Unmarshal(raw, &named); err != nil {
		return "", "", nil, err
	}
	if err := json.Unmarshal(raw, &anything); err != nil {
		return "", "", nil, err
	}
	return named.Metadata.Name, named.Metadata.Namespace, imagesBelow(anything, nil), nil
}

func imagesBelow(node any, images []string) []string {
	switch node := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if text, ok := node[key].(string); ok && key == "image" && text != "" {
				images = append(images, text)
			}
			images = imagesBelow(node[key], images)
		}
	case []any:
		for _, inner := range node {
			images = imagesBelow(inner, images)
		}
	}
	return images
}

func (o object) images() []string {
	images := o.Spec.images()
	if o.Template != nil {
		images = append(images, o.Template.Spec.images()...)
	}
	if o.Data != nil {
		images = append(images, o.Data.Spec.images()...)
	}
	for _, list := range [][]containerStatus{o.Status.InitContainerStatuses, o.Status.ContainerStatuses, o.Status.EphemeralContainerStatuses} {
		for _, s := range list {
			// A bare "sha256:…" is the runtime's own image id, which no registry
			// knows; one with a name before the @ is what was pulled.
			if strings.Contains(s.ImageID, "@") {
				images = append(images, s.ImageID)
			}
			if s.Image != "" && !strings.HasPrefix(s.Image, "sha256:") {
				images = append(images, s.Image)
			}
		}
	}
	return images
}

func (s spec) images() []string {
	images := s.podSpec.images()
	if s.Template != nil {
		images = append(images, s.Template.Spec.images()...)
	}
	if s.JobTemplate != nil {
		images = append(images, s.JobTemplate.Spec.images()...)
	}
	return images
}

func (p podSpec) images() []string {
	var images []string
	for _, list := range [][]container{p.InitContainers, p.Containers, p.EphemeralContainers} {
		for _, c := range list {
			if c.Image != "" {
				images = append(images, c.Image)
			}
		}
	}
	for _, volume := range p.Volumes {
		if volume.Image != nil && volume.Image.Reference != "" {
			images = append(images, volume.Image.Reference)
		}
	}
	return images
}

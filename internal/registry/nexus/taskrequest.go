package nexus

import "encoding/json"

// taskRequest is the document that creates a task that runs only when asked.
func taskRequest(kind, name string, properties map[string]string) []byte {
	type frequency struct {
		Schedule string `json:"schedule"`
	}
	body, err := json.Marshal(struct {
		Type         string            `json:"type"`
		Name         string            `json:"name"`
		Enabled      bool              `json:"enabled"`
		Notification string            `json:"notificationCondition"`
		Frequency    frequency         `json:"frequency"`
		Properties   map[string]string `json:"properties"`
	}{kind, name, true, "FAILURE", frequency{"manual"}, properties})
	if err != nil {
		panic(err) // strings only
	}
	return body
}

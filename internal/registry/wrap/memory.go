package wrap

import (
	"container/list"
	"context"
	"sync"
)

// Memory is a Content of bounded size that forgets what was used longest ago.
type Memory struct {
	most int64

	mu      sync.Mutex
	size    int64
	entries map[ContentKey]*list.Element
	order   *list.List // front: used last
}

type remembered struct {
	key       ContentKey
	mediaType string
	body      []byte
}

// NewMemory makes a Content that holds at most that many bytes of bodies.
func NewMemory(most int64) *Memory {
	return &Memory{most: most, entries: make(map[ContentKey]*list.Element), order: list.New()}
}

// Get implements Content.
func (m *Memory) Get(_ context.Context, key ContentKey) ([]byte, string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	element, found := m.entries[key]
	if !found {
		return nil, "", false
	}
	m.order.MoveToFront(element)
	entry := element.Value.(*remembered)
	return entry.body, entry.mediaType, true
}

// Put implements Content.
func (m *Memory) Put(_ context.Context, key ContentKey, mediaType string, body []byte) {
	size := int64(len(body))
	if size > m.most {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, found := m.entries[key]; found {
		return
	}
	m.entries[key] = m.order.PushFront(&remembered{key: key, mediaType: mediaType, body: body})
	m.size += size
	for m.size > m.most {
		last := m.order.Back()
		entry := m.order.Remove(last).(*remembered)
		delete(m.entries, entry.key)
		m.size -= int64(len(entry.body))
	}
}

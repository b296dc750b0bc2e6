package distribution

// seen remembers the names of a listing. While they come sorted, as they must
// (distribution-spec, "Content Discovery"), each is new that is behind the last.
type seen struct {
	sorted []string
	names  map[string]struct{} // nil while they come sorted
}

// add says whether a name is new, and remembers it.
func (s *seen) add(name string) bool {
	if s.names == nil {
		if n := len(s.sorted); n == 0 || s.sorted[n-1] < name {
			s.sorted = append(s.sorted, name)
			return true
		}
		s.names = make(map[string]struct{}, len(s.sorted)+1)
		for _, before := range s.sorted {
			s.names[before] = struct{}{}
		}
		s.sorted = nil
	}
	_, known := s.names[name]
	s.names[name] = struct{}{}
	return !known
}

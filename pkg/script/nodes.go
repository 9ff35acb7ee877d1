package script

// fewNodes is how many nodes are looked for one by one.
const fewNodes = 8

// Nodes are some nodes, found by their keys. Mostly they are one: what a single
// program asks for. So they are a list, and have a map only where they are many.
type nodes struct {
	first *node
	count int
	byKey map[string]*node // nil while they are few
}

func (s *nodes) find(key []byte) *node {
	if s.byKey != nil {
		return s.byKey[string(key)]
	}
	for n := s.first; n != nil; n = n.next {
		if n.key == string(key) {
			return n
		}
	}
	return nil
}

// add puts in a node whose key none has.
func (s *nodes) add(n *node) {
	s.first, n.next = n, s.first
	s.count++
	switch {
	case s.byKey != nil:
		s.byKey[n.key] = n
	case s.count > fewNodes:
		s.byKey = make(map[string]*node, 2*s.count)
		for n := s.first; n != nil; n = n.next {
			s.byKey[n.key] = n
		}
	}
}

// forget drops the values of the nodes, and of those derived of them.
func (s *nodes) forget() {
	for n := s.first; n != nil; n = n.next {
		n.drop()
		n.derived.forget()
	}
}

// prune does the same, and takes out the nodes that were not used in a round.
func (s *nodes) prune(round uint64) {
	for at := &s.first; *at != nil; {
		n := *at
		if n.round != round {
			*at = n.next
			s.count--
			delete(s.byKey, n.key)
			n.drop()
			n.derived.forget()
			n.memo = nil
			continue
		}
		n.drop()
		n.derived.prune(round)
		at = &n.next
	}
	if s.count == 0 {
		s.byKey = nil
	}
}

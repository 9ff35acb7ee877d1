package script

import (
	"encoding/binary"
	"math"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A Memo shares what several programs compute of the same series at one time:
// rate(x["1m"]) that three of them need is computed once. The programs that are
// given one Memo between Begin and End must be given the same Now, the same
// Lookback and a Data with the same series; what reads Env.History or Env.PodOf
// is not shared. A result, an error and the steps and memory that are charged do
// not depend on it.
//
// A value is held only from the first of its uses to the last, as they were in
// the round before, so that a Memo holds nothing that only one program computes,
// and nothing in its first round. Between rounds it holds names only.
type Memo struct {
	room     *Room
	now      int64
	lookback int64
	open     bool

	selections nodes
	round      uint64
	shared     int // how often a value was not computed because it was held
}

// A Room bounds what some Memos hold together. Neither it nor they are for
// concurrent use.
type Room struct {
	limit int            // bytes
	held  int            // bytes
	of    map[string]int // bytes by the namespace whose programs computed the values
}

// NewRoom returns room for so many bytes of values at once.
func NewRoom(limit int) *Room { return &Room{limit: limit, of: map[string]int{}} }

// NewMemo returns an empty Memo.
func (r *Room) NewMemo() *Memo { return &Memo{room: r} }

// Begin starts a round of evaluations at one time, in milliseconds, with one
// lookback.
func (m *Memo) Begin(now, lookback int64) {
	m.now, m.lookback, m.open = now, lookback, true
	m.round++
}

// Forget drops the values that are held: the series have changed.
func (m *Memo) Forget() { m.selections.forget() }

// End ends the round. It drops all values, and the names that nobody asked for.
func (m *Memo) End() {
	m.open = false
	m.selections.prune(m.round)
}

// Shared returns how often a value did not have to be computed, since the Memo
// was made.
func (m *Memo) Shared() int { return m.shared }

// A node names a value: a selection, or what a function makes of the value of
// another node. Equal computations have one node.
type node struct {
	memo    *Memo  // nil once it is taken out
	key     string // by which it is found: function and constants
	next    *node
	derived nodes

	round    uint64 // of the last use
	uses     int32  // in that round
	expected int32  // the uses in the round before it

	held *held // nil while no value is
}

// A held is a value that a node holds.
type held struct {
	value any
	err   error
	bytes int
	owner string // the namespace
}

// holds reports whether a value is held, which others will use.
func (n *node) holds() bool { return n.held != nil }

// mine reports whether nobody else has increases or rates: neither is held under its
// node. A run that has no node left for the rates cannot know who holds them.
func mine(increases, rates *node) bool {
	return increases == nil || rates != nil && !increases.holds() && !rates.holds()
}

// drop lets go of a node's value.
func (n *node) drop() {
	h := n.held
	if h == nil {
		return
	}
	r := n.memo.room
	r.held -= h.bytes
	if r.of[h.owner] -= h.bytes; r.of[h.owner] == 0 {
		delete(r.of, h.owner)
	}
	n.held = nil
}

// Bounds of what a program has in a Memo. What exceeds them is not shared.
const (
	maxNodes   = 64  // that a run uses
	maxNodeKey = 512 // bytes
)

// nodeAt returns the node of a key among others, making it where there is none,
// and nil where the run has used too many.
func (m *machine) nodeAt(memo *Memo, among *nodes, key []byte) *node {
	if len(key) > maxNodeKey || m.nodes >= maxNodes {
		return nil
	}
	n := among.find(key)
	if n == nil {
		n = &node{memo: memo, key: string(key)}
		among.add(n)
	}
	return m.use(memo, n)
}

// use counts a use of a node.
func (m *machine) use(memo *Memo, n *node) *node {
	m.nodes++
	if n.round != memo.round {
		n.expected = 0
		if n.round == memo.round-1 {
			n.expected = n.uses
		}
		n.round, n.uses = memo.round, 0
	}
	n.uses++
	return n
}

// selection returns the node of a selector; nil where what is made of it is not
// shared.
func (m *machine) selection(s *selector) *node {
	memo := m.env.Memo
	if memo == nil || s.history || !memo.open || memo.now != m.env.Now || memo.lookback != m.env.Lookback {
		return nil
	}
	if s.mapsPods() {
		return nil // the pods that an address may be are those of one namespace
	}
	if s.text == "" {
		s.text = s.key()
	}
	if s.memo == memo && s.node != nil && s.node.memo == memo && m.nodes < maxNodes {
		return m.use(memo, s.node) // to look for it takes longer than anything else here
	}
	m.key = append(m.key[:0], s.text...)
	s.memo, s.node = memo, m.nodeAt(memo, &memo.selections, m.key)
	return s.node
}

// derive returns what compute makes of the value of a node, computing it only
// where no program has before, and the node of the result. The key says what is
// computed, constants included; of is nil for values that are not shared.
func derive[T any](m *machine, of *node, key []byte, size func(T) int, compute func() (T, error)) (T, *node, error) {
	if of == nil {
		v, err := compute()
		return v, nil, err
	}
	n := m.nodeAt(of.memo, &of.derived, key)
	if n == nil {
		v, err := compute()
		return v, nil, err
	}
	if h := n.held; h != nil {
		of.memo.shared++
		if n.uses >= n.expected {
			n.drop()
		}
		return h.value.(T), n, h.err
	}
	v, err := compute()
	if n.uses < n.expected {
		of.memo.hold(n, v, err, size(v), m.env.Namespace)
	}
	return v, n, err
}

// partOf returns the node of a part of a selection, of which other functions see
// the whole.
func (m *machine) partOf(of *node, name string) *node {
	if of == nil {
		return nil
	}
	return m.nodeAt(of.memo, &of.derived, m.keyOf(name))
}

// hold keeps a value where there is room. No namespace takes more than half of
// what the others leave.
func (m *Memo) hold(n *node, value any, err error, bytes int, namespace string) {
	r := m.room
	if own := r.of[namespace]; own+bytes > (r.limit-r.held+own)/2 {
		return
	}
	n.held = &held{value: value, err: err, bytes: bytes, owner: namespace}
	r.held += bytes
	r.of[namespace] += bytes
}

// A vector is a promath.Vector as programs hold it: with its node, nil where it
// is not shared.
type vector struct {
	promath.Vector
	node *node
	bare *unlabelled // nil where the elements have labels
}

// derived is derive for vectors.
func (m *machine) derived(of *node, key []byte, compute func() (promath.Vector, error)) (vector, error) {
	v, n, err := derive(m, of, key, sizeOfVector, compute)
	return vector{Vector: v, node: n}, err
}

// derivedOf does the same for a function of a vector with labels.
func (m *machine) derivedOf(v vector, key []byte, f func(promath.Vector) (promath.Vector, error)) (vector, error) {
	return m.derived(v.node, key, func() (promath.Vector, error) {
		labelled, err := m.labelled(v)
		if err != nil {
			return nil, err
		}
		return f(labelled)
	})
}

// heldSample is what an element of a vector takes that is held.
const heldSample = 32

func sizeOfVector(v promath.Vector) int {
	bytes := heldSample * (1 + len(v))
	for i := range v {
		if v[i].H != nil {
			bytes += v[i].H.Size()
		}
	}
	return bytes
}

// keyOf returns the key of a function without constants, to which others append
// theirs. It is valid until the next call.
func (m *machine) keyOf(name string) []byte {
	m.key = append(append(m.key[:0], name...), 0)
	return m.key
}

func appendNumber(key []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(key, math.Float64bits(f))
}

func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// appendGrouping tells no grouping, which gives a number, from by().
func appendGrouping(key []byte, g promath.Grouping) []byte {
	if g.Without {
		key = append(key, 'w')
	} else {
		key = append(key, 'b')
	}
	for _, l := range g.Labels {
		key = appendText(key, l)
	}
	return key
}

package script

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/Shopify/go-lua"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A cured error says what to write.
func cured(cure, format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Cure: cure}
}

// kind returns the kind of an argument, 0 where there is none.
func (m *machine) kind(i int) kinds {
	switch m.l.TypeOf(i) {
	case lua.TypeNil:
		return isNil
	case lua.TypeBoolean:
		return isBoolean
	case lua.TypeNumber:
		return isNumber
	case lua.TypeString:
		return isString
	case lua.TypeTable:
		return isTable
	case lua.TypeFunction:
		return isFunction
	case lua.TypeUserData:
		return kindOf(m.l.ToUserData(i))
	}
	return 0
}

// kindOf returns the kind of a value that is not Lua's own.
func kindOf(v any) kinds {
	switch v := v.(type) {
	case vector:
		return isVector
	case *selector:
		if v.Range > 0 {
			return isRange
		}
		return isSelector
	case pattern:
		return isMatcher
	case promath.Grouping:
		return isGrouping
	case matching:
		return isMatching
	case labels.Labels:
		return isLabels
	}
	return 0
}

// pushValue pushes a value that is not Lua's own.
func (m *machine) pushValue(v any) {
	if f, ok := v.(float64); ok {
		m.l.PushNumber(f)
		return
	}
	m.l.PushUserData(v)
	metatable := opaqueMetatable
	switch v.(type) {
	case vector, *selector:
		metatable = vectorMetatable
	case labels.Labels:
		metatable = labelsMetatable
	}
	m.l.RawGetInt(lua.RegistryIndex, metatable)
	m.l.SetMetaTable(-2)
}

// sampleBytes is about what an element of a vector takes.
const sampleBytes = 64

// pushVector pushes a vector as the result of a library function.
func (m *machine) pushVector(v promath.Vector, err error) (int, error) {
	return m.pushShared(vector{Vector: v}, err)
}

// pushShared does the same with a vector that may have a node.
func (m *machine) pushShared(v vector, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	if err := m.alloc(sampleBytes * (1 + len(v.Vector))); err != nil {
		return 0, err
	}
	m.pushValue(v)
	return 1, nil
}

// pushSingle pushes the only element of an aggregation without labels as a
// number, or nil where there is none. A histogram stays a vector.
func (m *machine) pushSingle(v promath.Vector, err error) (int, error) {
	return m.pushSharedSingle(vector{Vector: v}, err)
}

// pushSharedSingle does the same with a vector that may have a node.
func (m *machine) pushSharedSingle(v vector, err error) (int, error) {
	switch {
	case err != nil:
		return 0, err
	case len(v.Vector) == 0:
		m.l.PushNil()
	case len(v.Vector) == 1 && v.Vector[0].H == nil:
		m.l.PushNumber(v.Vector[0].F)
	default:
		return m.pushShared(v, nil)
	}
	return 1, nil
}

func (m *machine) pushNumber(f float64) (int, error) {
	m.l.PushNumber(f)
	return 1, nil
}

func (m *machine) pushBoolean(b bool) (int, error) {
	m.l.PushBoolean(b)
	return 1, nil
}

func (m *machine) pushNil() (int, error) {
	m.l.PushNil()
	return 1, nil
}

// pushString pushes a string of bounded length.
func (m *machine) pushString(s string) (int, error) {
	if err := m.checkString(len(s)); err != nil {
		return 0, err
	}
	m.l.PushString(s)
	return 1, nil
}

// checkString is called before a string of so many bytes is made.
func (m *machine) checkString(n int) error {
	if n > m.limits.StringBytes {
		return cured("make it shorter or raise --lua-max-string-bytes", "the string has more than %d bytes", m.limits.StringBytes)
	}
	if err := m.charge(n / 64); err != nil {
		return err
	}
	return m.alloc(n)
}

// number returns an argument that is a number.
func (m *machine) number(i int) float64 {
	if m.l.TypeOf(i) != lua.TypeNumber {
		return math.NaN()
	}
	f, _ := m.l.ToNumber(i)
	return f
}

// text returns an argument that is a string.
func (m *machine) text(i int) string {
	if m.l.TypeOf(i) != lua.TypeString {
		return ""
	}
	s, _ := m.l.ToString(i)
	return s
}

// selector returns an argument that is a selector or a range.
func (m *machine) selector(i int) *selector {
	s, _ := m.l.ToUserData(i).(*selector)
	return s
}

// vector returns an argument that is a vector, reading it if it is a selector;
// nil is the empty vector.
func (m *machine) vector(i int) (promath.Vector, error) {
	v, err := m.operandVector(i)
	if err != nil {
		return nil, err
	}
	return m.labelled(v)
}

// operandVector does the same, with the vector's node, and leaves its labels to
// those that need them.
func (m *machine) operandVector(i int) (vector, error) {
	switch v := m.l.ToUserData(i).(type) {
	case vector:
		return v, m.chargeSeries(len(v.Vector))
	case *selector:
		return m.instant(v)
	}
	return vector{}, nil
}

// grouping returns an optional argument by(...) or without(...).
func (m *machine) grouping(i int) (promath.Grouping, bool) {
	g, ok := m.l.ToUserData(i).(promath.Grouping)
	return g, ok
}

// result makes the value on top of the stack the run's.
func (m *machine) result() (Value, error) {
	v := Value{Idle: m.idleGroups(), Window: m.window}
	switch k := m.kind(-1); k {
	case isNil:
	case isNumber:
		v.Kind, v.Items = Number, []metric.Item{{Value: m.number(-1)}}
	case isVector, isSelector:
		vector, err := m.vector(-1)
		if err != nil {
			return Value{}, m.resultError(err)
		}
		v.Window = m.window
		v.Kind = Vector
		if v.Items, err = m.items(vector); err != nil {
			return Value{}, m.resultError(err)
		}
	default:
		return Value{}, &Error{Message: "the result is " + k.article(), Cure: resultCure}
	}
	return v, nil
}

const resultCure = "return a number, a vector, or nil for no data"

func (m *machine) resultError(err error) error {
	var own *Error
	var budget *BudgetError
	if errors.As(err, &own) || errors.As(err, &budget) {
		return err
	}
	return &Error{Message: err.Error()}
}

// items turns a vector into the items of a result.
func (m *machine) items(v promath.Vector) ([]metric.Item, error) {
	if len(v) > m.limits.Items {
		return nil, &BudgetError{Budget: "items", Limit: fmt.Sprint(m.limits.Items), Flag: "--lua-max-items"}
	}
	items := make([]metric.Item, len(v))
	for i, s := range v {
		if s.H != nil {
			return nil, cured("use histogram_quantile, histogram_count or histogram_sum", "the result holds histograms")
		}
		items[i] = metric.Item{Labels: s.Labels.DropReserved(isMetricName), Value: s.F}
	}
	byLabels := func(a, b metric.Item) int { return labels.Compare(a.Labels, b.Labels) }
	if !slices.IsSortedFunc(items, byLabels) {
		slices.SortFunc(items, byLabels)
	}
	for i := range items {
		if i > 0 && labels.Equal(items[i-1].Labels, items[i].Labels) {
			return nil, cured("aggregate them, or select one name", "the result has two items with the labels %s", items[i].Labels)
		}
	}
	return items, nil
}

func isMetricName(name string) bool { return name == labels.MetricName }

func (m *machine) idleGroups() []labels.Labels {
	groups := slices.DeleteFunc(slices.Clone(m.idle), func(group labels.Labels) bool {
		return slices.ContainsFunc(m.busy, func(busy labels.Labels) bool { return labels.Equal(group, busy) })
	})
	slices.SortFunc(groups, labels.Compare)
	return slices.CompactFunc(groups, labels.Equal)
}

// formatNumber prints a number as Lua does.
func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strings.TrimSpace(fmt.Sprintf("%.14g", f))
}

// describe prints a value of a program for messages and tostring.
func (m *machine) describe(i int) string {
	switch k := m.kind(i); k {
	case isNil, 0:
		return "nil"
	case isBoolean:
		return fmt.Sprint(m.l.ToBoolean(i))
	case isNumber:
		return formatNumber(m.number(i))
	case isString:
		return m.text(i)
	default:
		return k.String()
	}
}

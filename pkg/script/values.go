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
	case promath.Vector:
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
	case promath.Vector, *selector:
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
	if err != nil {
		return 0, err
	}
	if err := m.alloc(sampleBytes * (1 + len(v))); err != nil {
		return 0, err
	}
	m.pushValue(v)
	return 1, nil
}

// pushSingle pushes the only element of an aggregation without labels as a
// number, or nil where there is none. A histogram stays a vector.
func (m *machine) pushSingle(v promath.Vector, err error) (int, error) {
	switch {
	case err != nil:
		return 0, err
	case len(v) == 0:
		m.l.PushNil()
	case len(v) == 1 && v[0].H == nil:
		m.l.PushNumber(v[0].F)
	default:
		return m.pushVector(v, nil)
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
	return m.vectorOf(m.l.ToUserData(i))
}

func (m *machine) vectorOf(v any) (promath.Vector, error) {
	switch v := v.(type) {
	case promath.Vector:
		return v, m.chargeSeries(len(v))
	case *selector:
		return m.instant(v)
	}
	return nil, nil
}

// instant reads a selector.
func (m *machine) instant(s *selector) (promath.Vector, error) {
	if s.Range > 0 {
		return nil, cured(rangeCure(s.source()), "%s is a range and has no value", s.source())
	}
	series, err := m.series(s)
	if err != nil {
		return nil, err
	}
	v := promath.Instant(series, m.env.Now-s.Offset, m.env.Lookback)
	return v, m.alloc(sampleBytes * len(v))
}

func rangeCure(source string) string {
	return fmt.Sprintf("apply a function that reads ranges: rate(%s), avg_over_time(%s)", source, source)
}

// ranged reads a range.
func (m *machine) ranged(s *selector) (promath.Range, error) {
	series, err := m.series(s)
	if err != nil {
		return promath.Range{}, err
	}
	m.window = max(m.window, s.Range)
	end := m.env.Now - s.Offset
	return promath.Range{Series: series, Start: end - s.Range, End: end, Now: m.env.Now}, nil
}

var errNoHistory = errors.New("there is no history to read")

func (m *machine) series(s *selector) ([]metric.Series, error) {
	data := m.env.Data
	if s.history {
		data = m.env.History
	}
	if data == nil {
		if s.history {
			return nil, errNoHistory
		}
		return nil, nil
	}
	series := data.Select(&s.Selector)
	if s.relabel != nil {
		var err error
		if series, err = m.relabelled(s.relabel, series); err != nil {
			return nil, err
		}
	}
	rows := 0
	if s.Range > 0 {
		for i := range series {
			rows += len(series[i].T)
		}
	}
	return series, m.charge(1 + len(series)/32 + rows/1024)
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
	groups := slices.Clone(m.idle)
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

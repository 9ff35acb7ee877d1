package script

import (
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// The families of functions, as headings of the reference.
const (
	familyRange       = "Ranges"
	familyAggregation = "Aggregation"
	familyHistogram   = "Histograms"
	familyShorthand   = "Shorthands"
	familyMath        = "Numbers and vectors"
	familyOperator    = "Operators between vectors"
	familyLabel       = "Labels"
	familySelector    = "Selectors"
	familyTime        = "Time"
	familyCallback    = "Element by element"
	familyBase        = "Lua"
	familyString      = "Lua: string"
	familyTable       = "Lua: table"
	familyLuaMath     = "Lua: math"
	familyBit         = "Lua: bit32"
)

type rangeFunction func(promath.Range) (promath.Vector, error)

func rangeFunctions() []*builtin {
	simple := func(name string, filled bool, f rangeFunction, example, doc string) *builtin {
		named := name == "first_over_time" || name == "last_over_time"
		return &builtin{
			name: name, family: familyRange, doc: doc, example: example, filled: filled,
			params: []param{required("r", aRange)}, result: isVector,
			run: func(m *machine, _ int) (int, error) {
				r, err := m.ranged(m.selector(1))
				if err != nil {
					return 0, err
				}
				return m.pushShared(m.overRange(&r, m.keyOf(name), named, f))
			},
		}
	}
	return []*builtin{
		simple("rate", true, promath.Rate, `sum(rate(requests_total["1m"]))`,
			"Per-second increase of counters over the range, corrected for resets and extrapolated to the range's ends, as in PromQL."),
		simple("irate", false, promath.Irate, `sum(irate(requests_total["1m"]))`,
			"Per-second increase between the last two samples of the range."),
		simple("increase", true, promath.Increase, `sum(increase(requests_total["1m"]))`,
			"Increase of counters over the range: rate times its length."),
		simple("delta", true, promath.Delta, `max(delta(queue_length["1m"]))`,
			"Difference between the ends of the range of gauges, extrapolated to the range's ends."),
		simple("idelta", false, promath.Idelta, `max(idelta(queue_length["1m"]))`,
			"Difference between the last two samples of the range."),
		simple("deriv", false, promath.Deriv, `max(deriv(queue_length["1m"]))`,
			"Per-second slope of gauges by linear regression over the range."),
		{
			name: "predict_linear", family: familyRange,
			doc:     "The value of gauges so many seconds after the evaluation, by linear regression over the range.",
			example: `max(predict_linear(queue_length["1m"], 30))`,
			params:  []param{required("r", aRange), required("seconds", aNumber)}, result: isVector,
			run: func(m *machine, _ int) (int, error) {
				r, err := m.ranged(m.selector(1))
				if err != nil {
					return 0, err
				}
				seconds := m.number(2)
				return m.pushShared(m.overRange(&r, appendNumber(m.keyOf("predict_linear"), seconds), false, func(r promath.Range) (promath.Vector, error) {
					return promath.PredictLinear(r, seconds)
				}))
			},
		},
		{
			name: "double_exponential_smoothing", family: familyRange,
			doc:     "Smoothed value of gauges over the range, with a smoothing factor and a trend factor between 0 and 1.",
			example: `max(double_exponential_smoothing(queue_length["1m"], 0.5, 0.5))`,
			params:  []param{required("r", aRange), required("smoothing", aNumber), required("trend", aNumber)}, result: isVector,
			run: func(m *machine, _ int) (int, error) {
				r, err := m.ranged(m.selector(1))
				if err != nil {
					return 0, err
				}
				smoothing, trend := m.number(2), m.number(3)
				key := appendNumber(appendNumber(m.keyOf("double_exponential_smoothing"), smoothing), trend)
				return m.pushShared(m.overRange(&r, key, false, func(r promath.Range) (promath.Vector, error) {
					return promath.DoubleExponentialSmoothing(r, smoothing, trend)
				}))
			},
		},
		simple("resets", true, promath.Resets, `sum(resets(requests_total["1m"]))`,
			"How often counters were reset in the range."),
		simple("changes", true, promath.Changes, `sum(changes(queue_length["1m"]))`,
			"How often values changed in the range."),
		simple("avg_over_time", false, promath.AvgOverTime, `sum(avg_over_time(queue_length["1m"]))`,
			"Average of the samples in the range, for each series."),
		simple("sum_over_time", true, promath.SumOverTime, `sum(sum_over_time(queue_length["1m"]))`,
			"Sum of the samples in the range, for each series."),
		simple("min_over_time", false, promath.MinOverTime, `sum(min_over_time(queue_length["1m"]))`,
			"Least of the samples in the range, for each series."),
		simple("max_over_time", false, promath.MaxOverTime, `sum(max_over_time(queue_length["1m"]))`,
			"Greatest of the samples in the range, for each series."),
		simple("count_over_time", true, promath.CountOverTime, `sum(count_over_time(queue_length["1m"]))`,
			"Number of samples in the range, for each series."),
		simple("last_over_time", false, promath.LastOverTime, `sum(last_over_time(queue_length["1m"]))`,
			"Newest sample in the range, for each series."),
		simple("first_over_time", false, promath.FirstOverTime, `sum(first_over_time(queue_length["1m"]))`,
			"Oldest sample in the range, for each series."),
		simple("stddev_over_time", false, promath.StddevOverTime, `max(stddev_over_time(queue_length["1m"]))`,
			"Population standard deviation of the samples in the range, for each series."),
		simple("stdvar_over_time", false, promath.StdvarOverTime, `max(stdvar_over_time(queue_length["1m"]))`,
			"Population variance of the samples in the range, for each series."),
		simple("mad_over_time", false, promath.MadOverTime, `max(mad_over_time(queue_length["1m"]))`,
			"Median absolute deviation of the samples in the range, for each series."),
		{
			name: "quantile_over_time", family: familyRange, quantile: true,
			doc:     "Quantile, between 0 and 1, of the samples in the range, for each series.",
			example: `max(quantile_over_time(0.9, queue_length["1m"]))`,
			params:  []param{required("q", aNumber), required("r", aRange)}, result: isVector,
			infer: inferQuantile,
			run: func(m *machine, _ int) (int, error) {
				r, err := m.ranged(m.selector(2))
				if err != nil {
					return 0, err
				}
				q := m.number(1)
				return m.pushShared(m.overRange(&r, appendNumber(m.keyOf("quantile_over_time"), q), false, func(r promath.Range) (promath.Vector, error) {
					return promath.QuantileOverTime(q, r)
				}))
			},
		},
		simple("ts_of_first_over_time", false, promath.TsOfFirstOverTime, `now - min(ts_of_first_over_time(queue_length["1m"]))`,
			"Time of the oldest sample in the range, in seconds since 1970, for each series."),
		simple("ts_of_last_over_time", false, promath.TsOfLastOverTime, `now - max(ts_of_last_over_time(queue_length["1m"]))`,
			"Time of the newest sample in the range, in seconds since 1970, for each series."),
		simple("ts_of_min_over_time", false, promath.TsOfMinOverTime, `now - max(ts_of_min_over_time(queue_length["1m"]))`,
			"Time of the last least sample in the range, in seconds since 1970, for each series."),
		simple("ts_of_max_over_time", false, promath.TsOfMaxOverTime, `now - max(ts_of_max_over_time(queue_length["1m"]))`,
			"Time of the last greatest sample in the range, in seconds since 1970, for each series."),
		simple("present_over_time", false, promath.PresentOverTime, `count(present_over_time(queue_length["1m"]))`,
			"1 for each series that has a sample in the range."),
		{
			name: "absent_over_time", family: familyRange, filled: true,
			doc:     "1, with the labels that the matchers demand, where no series has a sample in the range, else nothing.",
			example: `absent_over_time(no_such_metric{job="x"}["1m"])`,
			params:  []param{required("r", aRange)}, result: isVector,
			run: func(m *machine, _ int) (int, error) {
				s := m.selector(1)
				r, err := m.ranged(s)
				if err != nil {
					return 0, err
				}
				return m.pushVector(promath.AbsentOverTime(r.window(new([]int32)), &s.Selector))
			},
		},
	}
}

type aggregation func(promath.Vector, promath.Grouping) (promath.Vector, error)

func aggregations() []*builtin {
	simple := func(name string, f aggregation, example, doc string) *builtin {
		return &builtin{
			name: name, family: familyAggregation, doc: doc, example: example,
			params: []param{required("v", aVector), optional("g", isGrouping)}, result: isNumber | isVector | isNil,
			infer: inferGrouped(1),
			run: func(m *machine, n int) (int, error) {
				v, err := m.operandVector(1)
				if err != nil {
					return 0, err
				}
				return m.aggregate(n, 2, v.node, m.keyOf(name), m.ofGroups(v, f))
			},
		}
	}
	first := func(name string, f func(float64, promath.Vector, promath.Grouping) (promath.Vector, error), example, doc string) *builtin {
		return &builtin{
			name: name, family: familyAggregation, doc: doc, example: example,
			params: []param{required("k", aNumber), required("v", aVector), optional("g", isGrouping)}, result: isVector,
			run: func(m *machine, n int) (int, error) {
				v, err := m.operandVector(2)
				if err != nil {
					return 0, err
				}
				g, _ := m.grouping(3)
				k := m.number(1)
				return m.pushShared(m.derivedOf(v, appendGrouping(appendNumber(m.keyOf(name), k), g), func(v promath.Vector) (promath.Vector, error) { return f(k, v, g) }))
			},
		}
	}
	return []*builtin{
		simple("sum", promath.Sum, `sum(queue_length, by("pod"))`,
			"Sum of the elements, or of those that share the labels in by(...)."),
		simple("avg", promath.Avg, `avg(queue_length)`, "Average of the elements."),
		simple("min", promath.Min, `min(queue_length)`, "Least of the elements."),
		simple("max", promath.Max, `max(queue_length)`, "Greatest of the elements."),
		simple("count", promath.Count, `count(queue_length)`, "Number of elements; nil, and not 0, where there are none."),
		simple("group", promath.Group, `group(queue_length, by("pod"))`, "1 for each group of elements."),
		simple("stddev", promath.Stddev, `stddev(queue_length)`, "Population standard deviation of the elements."),
		simple("stdvar", promath.Stdvar, `stdvar(queue_length)`, "Population variance of the elements."),
		first("topk", promath.Topk, `topk(1, queue_length)`, "The k greatest elements, with all their labels."),
		first("bottomk", promath.Bottomk, `bottomk(1, queue_length)`, "The k least elements, with all their labels."),
		{
			name: "quantile", family: familyAggregation, quantile: true,
			doc:     "Quantile, between 0 and 1, of the elements' values.",
			example: `quantile(0.5, queue_length)`,
			params:  []param{required("q", aNumber), required("v", aVector), optional("g", isGrouping)}, result: isNumber | isVector | isNil,
			infer: inferQuantileGrouped(2),
			run: func(m *machine, n int) (int, error) {
				v, err := m.operandVector(2)
				if err != nil {
					return 0, err
				}
				q := m.number(1)
				return m.aggregate(n, 3, v.node, appendNumber(m.keyOf("quantile"), q), m.ofGroups(v, func(v promath.Vector, g promath.Grouping) (promath.Vector, error) {
					return promath.Quantile(q, v, g)
				}))
			},
		},
	}
}

// ofGroups makes an aggregation of a vector that may have no labels.
func (m *machine) ofGroups(v vector, f aggregation) func(promath.Grouping) (promath.Vector, error) {
	return func(g promath.Grouping) (promath.Vector, error) {
		of, g, err := m.grouped(v, g)
		if err != nil {
			return nil, err
		}
		return f(of, g)
	}
}

// aggregate pushes a vector where argument i groups, else a number or nil. What
// is aggregated has a node, and the key says how.
func (m *machine) aggregate(n, i int, of *node, key []byte, f func(promath.Grouping) (promath.Vector, error)) (int, error) {
	g, grouped := promath.Grouping{}, false
	if n >= i {
		g, grouped = m.grouping(i)
	}
	v, err := m.derived(of, appendGrouping(key, g), func() (promath.Vector, error) { return f(g) })
	if grouped {
		return m.pushShared(v, err)
	}
	return m.pushSharedSingle(v, err)
}

func histogramFunctions() []*builtin {
	simple := func(name string, f func(promath.Vector) (promath.Vector, error), example, doc string) *builtin {
		return &builtin{
			name: name, family: familyHistogram, doc: doc, example: example,
			params: []param{required("v", aVector)}, result: isVector,
			infer: inferHistogram,
			run: func(m *machine, _ int) (int, error) {
				v, err := m.operandVector(1)
				if err != nil {
					return 0, err
				}
				return m.pushShared(m.derivedOf(v, m.keyOf(name), f))
			},
		}
	}
	return []*builtin{
		{
			name: "histogram_quantile", family: familyHistogram, quantile: true,
			doc:     "Quantile, between 0 and 1, of classic buckets (keep the label le) or of native histograms; NaN where nothing was observed.",
			example: `histogram_quantile(0.95, sum(rate(latency_seconds_bucket["1m"]), by("le")))`,
			params:  []param{required("q", aNumber), required("v", aVector)}, result: isVector,
			infer: inferHistogramQuantile,
			run: func(m *machine, _ int) (int, error) {
				v, err := m.operandVector(2)
				if err != nil {
					return 0, err
				}
				q := m.number(1)
				return m.pushShared(m.derivedOf(v, appendNumber(m.keyOf("histogram_quantile"), q), func(v promath.Vector) (promath.Vector, error) {
					return promath.HistogramQuantile(q, v)
				}))
			},
		},
		{
			name: "histogram_fraction", family: familyHistogram,
			doc:     "Share of the observations between two values, 0 to 1, of classic buckets or native histograms.",
			example: `histogram_fraction(0, 0.1, sum(rate(latency_seconds_bucket["1m"]), by("le")))`,
			params:  []param{required("lower", aNumber), required("upper", aNumber), required("v", aVector)}, result: isVector,
			infer: inferHistogram,
			run: func(m *machine, _ int) (int, error) {
				v, err := m.operandVector(3)
				if err != nil {
					return 0, err
				}
				lower, upper := m.number(1), m.number(2)
				return m.pushShared(m.derivedOf(v, appendNumber(appendNumber(m.keyOf("histogram_fraction"), lower), upper), func(v promath.Vector) (promath.Vector, error) {
					return promath.HistogramFraction(lower, upper, v)
				}))
			},
		},
		simple("histogram_count", promath.HistogramCount, `histogram_count(sum(rate(native_seconds["1m"]), by("pod")))`,
			"Number of observations of native histograms."),
		simple("histogram_sum", promath.HistogramSum, `histogram_sum(sum(rate(native_seconds["1m"]), by("pod")))`,
			"Sum of the observations of native histograms."),
		simple("histogram_avg", promath.HistogramAvg, `histogram_avg(sum(rate(native_seconds["1m"]), by("pod")))`,
			"Average of the observations of native histograms."),
		simple("histogram_stddev", promath.HistogramStddev, `histogram_stddev(sum(rate(native_seconds["1m"]), by("pod")))`,
			"Estimated standard deviation of the observations of native histograms."),
		simple("histogram_stdvar", promath.HistogramStdvar, `histogram_stdvar(sum(rate(native_seconds["1m"]), by("pod")))`,
			"Estimated variance of the observations of native histograms."),
	}
}

package convert

import (
	"github.com/prometheus/prometheus/promql/parser"
)

// A family of functions is translated alike.
type family int

const (
	familyUnknown  family = iota
	familyRange           // a range and numbers -> vector
	familyValue           // each value by itself: takes numbers as well as vectors
	familyVector          // a vector, numbers and strings -> vector
	familyAbsent          // looks at the selector
	familyExtreme         // max_of and min_of
	familyScalar          // scalar(v)
	familyVectorOf        // vector(s)
	familyNow             // time()
	familyConstant        // pi()
	familySort            // the order of a result
	familyTime            // parts of a date
	familyAngle           // trigonometry
)

func familyOf(name string) family {
	switch name {
	case "rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "double_exponential_smoothing",
		"resets", "changes", "avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "count_over_time",
		"last_over_time", "first_over_time", "stddev_over_time", "stdvar_over_time", "mad_over_time", "quantile_over_time",
		"present_over_time", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_min_over_time", "ts_of_max_over_time":
		return familyRange
	case "abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "sqrt", "exp", "ln", "log2", "log10", "sgn":
		return familyValue
	case "histogram_quantile", "histogram_fraction", "histogram_count", "histogram_sum", "histogram_avg",
		"histogram_stddev", "histogram_stdvar", "label_replace", "label_join":
		return familyVector
	case "absent", "absent_over_time":
		return familyAbsent
	case "max_of", "min_of":
		return familyExtreme
	case "scalar":
		return familyScalar
	case "vector":
		return familyVectorOf
	case "time":
		return familyNow
	case "pi":
		return familyConstant
	case "sort", "sort_desc", "sort_by_label", "sort_by_label_desc":
		return familySort
	case "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year":
		return familyTime
	case "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad":
		return familyAngle
	}
	return familyUnknown
}

// function translates a call.
func (t *translator) function(e *parser.Call, d demand) (term, error) {
	name := e.Func.Name
	switch familyOf(name) {
	case familyRange, familyVector:
		args, safe, err := t.all(e.Args, wantVector)
		safe = safe && familyOf(name) == familyRange && name != "double_exponential_smoothing"
		return term{node: call{name, args}, shape: shapeVector, floats: givesFloats(name), safe: safe}, err
	case familyValue:
		first, err := t.translate(e.Args[0], d)
		if err != nil {
			return term{}, err
		}
		more, safe, err := t.all(e.Args[1:], anyShape)
		return term{
			node:   call{name, append([]node{first.node}, more...)},
			shape:  first.shape,
			floats: true,
			sure:   first.certain() && name != "clamp",
			safe:   first.safe && safe,
		}, err
	case familyAbsent:
		arg, err := t.absentee(e.Args[0])
		return term{node: call{name, []node{arg}}, shape: shapeVector, floats: true}, err
	case familyExtreme:
		args, safe, err := t.all(e.Args, anyShape)
		limit := map[string]string{"max_of": "clamp_min", "min_of": "clamp_max"}[name]
		return term{node: call{limit, args}, shape: shapeNumber, floats: true, safe: safe}, err
	case familyScalar:
		return t.scalar(e.Args[0])
	case familyVectorOf:
		x, err := t.translate(e.Args[0], anyShape)
		if err != nil || d == anyShape {
			return term{node: x.node, shape: shapeSingle, floats: true, sure: true, safe: x.safe}, err
		}
		return term{node: call{name, []node{x.node}}, shape: shapeVector, floats: true, safe: x.safe}, nil
	case familyNow:
		return term{node: atom("now"), shape: shapeNumber, floats: true, safe: true}, nil
	case familyConstant:
		return term{node: atom("math.pi"), shape: shapeNumber, floats: true, safe: true}, nil
	case familySort:
		return term{}, unsupported(e, "%s is not supported: the items of a metric have no order; leave it out", name)
	case familyTime:
		return term{}, unsupported(e, `%s is not supported: within("Mon-Fri 08:45-18:00", "Europe/Berlin") asks for times of the week`, name)
	case familyAngle:
		return term{}, unsupported(e, "%s is not supported: there is no trigonometry", name)
	}
	return term{}, unsupported(e, "the function %s is not supported%s", name, alternative(name))
}

// givesFloats reports whether a function of ranges or vectors gives floats only.
func givesFloats(name string) bool {
	switch name {
	case "rate", "irate", "increase", "delta", "idelta", "sum_over_time", "avg_over_time", "first_over_time",
		"last_over_time", "label_replace", "label_join":
		return false
	}
	return true
}

// scalar translates scalar(v), which is NaN where Lua's has nil.
func (t *translator) scalar(arg parser.Expr) (term, error) {
	x, err := t.translate(arg, anyShape)
	if err != nil {
		return term{}, err
	}
	if x.shape == shapeSingle && !x.floats {
		if x, err = t.translate(arg, wantVector); err != nil {
			return term{}, err
		}
	}
	if x.shape == shapeVector {
		x.node = call{"scalar", []node{x.node}}
	}
	if !x.sure {
		x.node = operation{"or", x.node, notANumber{}}
	}
	return term{node: x.node, shape: shapeNumber, floats: true, safe: x.safe}, nil
}

// alternative says what to write instead of a function, if there is something.
func alternative(name string) string {
	switch name {
	case "timestamp":
		return `: ts_of_last_over_time(x["5m"]) gives the times of samples`
	case "info":
		return `: mul(v, x_info, on("instance"), group_left("label")) adds labels`
	case "histogram_quantiles":
		return ": write one metric for each quantile"
	case "start", "end", "range", "step":
		return ": it is about queries over a range of time"
	}
	return ""
}

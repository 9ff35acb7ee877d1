package convert_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A grammar makes random PromQL over the series of randomSeries. It covers all
// that FromPromQL translates, and keeps to the types, so that most of what it
// makes is valid.
type grammar struct{ *rand.Rand }

func (g grammar) chance(percent int) bool { return g.IntN(100) < percent }

// query returns an expression of at most so many levels.
func (g grammar) query(depth int) string {
	if g.chance(8) {
		return g.scalar(depth)
	}
	return g.vector(depth)
}

func (g grammar) vector(depth int) string {
	if depth <= 0 {
		if g.chance(20) {
			return g.overRange()
		}
		return g.instant()
	}
	depth--
	switch g.IntN(17) {
	case 0, 1:
		return g.overRange()
	case 2, 3, 4:
		return g.aggregation(depth)
	case 5, 6:
		return g.byElement(depth)
	case 7, 8:
		return g.withScalar(depth)
	case 9, 10, 11:
		return g.between(depth)
	case 12:
		return g.set(depth)
	case 13:
		return g.histogram(depth)
	case 14:
		return g.labels(depth)
	case 15:
		inner := g.parens(g.vector(depth))
		return pick(g, "-"+inner, "-"+inner, "+"+inner, "absent("+inner+")", g.absent())
	}
	return pick(g, "vector("+g.scalar(depth)+")", "vector("+g.scalar(depth)+")", g.absent())
}

// parens returns an operand as it is if it stands for itself, else in
// parentheses; these are left out now and then, for other trees.
func (g grammar) parens(e string) string {
	if g.chance(10) {
		return e
	}
	return "(" + e + ")"
}

// name returns the name of a metric; one of floats, for the most part.
func (g grammar) name() string {
	n := g.IntN(100)
	switch {
	case n < 12:
		return pick(g, histogramNames...)
	case n < 20:
		return pick(g, bucketNames...)
	case n < 27:
		return pick(g, infoNames...)
	case n < 29:
		return "no_such_metric"
	}
	return pick(g, floatNames...)
}

// selector returns a selector of a name.
func (g grammar) selector(name string) string {
	var matchers []string
	for g.chance(20) {
		matchers = append(matchers, pick(g,
			`job="web"`, `job!="web"`, `job=~"web|api"`, `job!~"w.*"`, `instance="a"`, `instance=~"[a-c]"`, `instance!="d"`,
			`code=~"5.."`, `code!="200"`, `code=""`, `code=~".*"`, `end="x"`, `"label.with.dots"="1"`, `le="1"`, `le!="+Inf"`,
			`version="v1"`, `no_such_label=""`, `job=~"(?i:WEB)"`, `instance!~"\\d"`))
	}
	if strings.Contains(name, ".") {
		return fmt.Sprintf("{%s}", strings.Join(append([]string{fmt.Sprintf("%q", name)}, matchers...), ","))
	}
	if len(matchers) == 0 {
		return name
	}
	return name + "{" + strings.Join(matchers, ",") + "}"
}

// absent asks for what is missing, for the most part.
func (g grammar) absent() string {
	name := pick(g, "no_such_metric", "no_such_metric", g.name())
	return pick(g, "absent("+g.selector(name)+")", "absent_over_time("+g.windowOf(name)+")")
}

func (g grammar) offset() string {
	if g.chance(8) {
		return " offset " + pick(g, "15s", "1m", "1m30s", "2m", "500ms", pick(g, "1h", "15s"))
	}
	return ""
}

func (g grammar) instant() string { return g.selector(g.name()) + g.offset() }

func (g grammar) window() string { return g.windowOf(g.name()) }

func (g grammar) windowOf(name string) string {
	return g.selector(name) + "[" + pick(g, "1m", "2m", "5m", "30s", "10m", "3m", "4m", "5m", pick(g, "15s", "1s", "250ms")) + "]" + g.offset()
}

// overRange applies a function to a range.
func (g grammar) overRange() string {
	w := g.window()
	switch g.IntN(10) {
	case 0:
		return fmt.Sprintf("quantile_over_time(%s, %s)", g.fraction(), w)
	case 1:
		return fmt.Sprintf("predict_linear(%s, %s)", w, pick(g, "60", "3600", "-30", "0", "1e9"))
	case 2:
		return fmt.Sprintf("double_exponential_smoothing(%s, %s, %s)", w, pick(g, "0.1", "0.5", "0.9"), pick(g, "0.2", "0.7"))
	}
	return pick(g, "rate", "rate", "rate", "irate", "increase", "delta", "idelta", "deriv", "resets", "changes",
		"avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time",
		"first_over_time", "stddev_over_time", "stdvar_over_time", "mad_over_time", "present_over_time",
		"ts_of_first_over_time", "ts_of_last_over_time", "ts_of_min_over_time", "ts_of_max_over_time") + "(" + w + ")"
}

func (g grammar) grouping() string {
	names := pick(g, "job", "instance", "job, instance", "job, le", "code", "le", "no_such_label", "", "end", "job, version", "__name__")
	return pick(g, "", "", "", "by ("+names+")", "by ("+names+")", "without ("+names+")")
}

// aggregation leaves sums over quantiles of classic histograms out: their order
// is left to chance by Prometheus, and so is the last bit of a sum.
func (g grammar) aggregation(depth int) string {
	v, grouping := g.vector(depth), g.grouping()
	if randomOrder(v) {
		return fmt.Sprintf("%s %s (%s)", pick(g, "min", "max", "count", "group"), grouping, v)
	}
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf("quantile %s (%s, %s)", grouping, g.fraction(), v)
	case 1:
		return fmt.Sprintf("%s %s (%s, %s)", pick(g, "topk", "bottomk"), grouping, pick(g, "1", "2", "3", "0", "1.9", "-1", "100", g.scalar(depth)), v)
	}
	op := pick(g, "sum", "sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
	if g.chance(50) {
		return fmt.Sprintf("%s(%s) %s", op, v, grouping)
	}
	return fmt.Sprintf("%s %s (%s)", op, grouping, v)
}

func randomOrder(e string) bool {
	return strings.Contains(e, "histogram_quantile") || strings.Contains(e, "histogram_fraction")
}

// fraction returns a quantile or what is given for one.
func (g grammar) fraction() string {
	return pick(g, "0.5", "0.9", "0.99", "0", "1", "0.25", "0 - 0.1", "1 + 0.1", "NaN", "1/3", pick(g, "1.1", "0.5"))
}

func (g grammar) byElement(depth int) string {
	v := g.vector(depth)
	switch g.IntN(5) {
	case 0:
		return fmt.Sprintf("clamp(%s, %s)", v, pick(g, "0, 1", "-1, 1", "-Inf, 5", "0.5, +Inf", "1, 0", "NaN, 1", g.literal()+", "+g.literal()))
	case 1:
		return fmt.Sprintf("%s(%s, %s)", pick(g, "clamp_min", "clamp_max", "round"), v, g.scalar(depth-1))
	}
	return pick(g, "abs", "ceil", "floor", "round", "sqrt", "exp", "ln", "log2", "log10", "sgn") + "(" + v + ")"
}

// operator returns an operator with the chance of a modifier between numbers.
func (g grammar) operator() string {
	return pick(g, "+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=")
}

func (g grammar) compares() string { return pick(g, "==", "!=", ">", "<", ">=", "<=") }

func (g grammar) withScalar(depth int) string {
	op := g.operator()
	if g.chance(10) {
		op = g.compares() + " bool"
	}
	v, s := g.parens(g.vector(depth)), g.scalar(depth-1)
	if g.chance(30) {
		return fmt.Sprintf("%s %s %s", s, op, v)
	}
	return fmt.Sprintf("%s %s %s", v, op, s)
}

// between joins two vectors. They are alike in some way more often than not,
// because few others match.
func (g grammar) between(depth int) string {
	left, right := g.vector(depth), g.vector(depth)
	op := g.operator()
	matching := ""
	switch g.IntN(8) {
	case 0, 1:
		labels := pick(g, "job", "job, instance", "instance")
		left = fmt.Sprintf("%s by (%s) (%s)", g.single(left), labels, left)
		right = fmt.Sprintf("%s by (%s) (%s)", g.single(right), labels, right)
	case 2:
		left = fmt.Sprintf("%s(%s)", g.single(left), left)
	case 3:
		left, right = fmt.Sprintf("%s(%s)", g.single(left), left), fmt.Sprintf("%s(%s)", g.single(right), right)
	case 4:
		right = left
	case 5:
		right = fmt.Sprintf("%s by (job, instance) (%s)", g.single(right), right)
		matching = pick(g, "on (job, instance) group_left ()", "ignoring (code, le, end, \"label.with.dots\", version) group_left ()", "on (job, instance) group_left (version)")
	case 6:
		left = "build_info"
		matching = pick(g, "on (job, instance) group_right (version)", "on (instance) group_right ()")
	case 7:
		matching = pick(g, "on (job)", "on ()", "ignoring (code)", "ignoring (le)", "on (job, instance)", "ignoring ()")
	}
	if matching != "" && !g.chance(3) {
		op = pick(g, "+", "-", "*", "/", "==", "!=", ">", "<", ">=", "<=")
	}
	return fmt.Sprintf("%s %s %s %s", g.parens(left), op, matching, g.parens(right))
}

// single returns an aggregation that gives one element.
func (g grammar) single(v string) string {
	if randomOrder(v) {
		return pick(g, "min", "max", "count")
	}
	return pick(g, "sum", "sum", "avg", "max", "count", "stddev")
}

func (g grammar) set(depth int) string {
	left, right := g.vector(depth), g.vector(depth)
	if g.chance(30) {
		left, right = g.single(left)+"("+left+")", pick(g, "vector(0)", "vector("+g.scalar(depth-1)+")", g.single(right)+"("+right+")")
	}
	matching := pick(g, "", "", "", "on (job)", "on ()", "ignoring (code)", "on (job, instance)", "ignoring (le, code)")
	return fmt.Sprintf("%s %s %s %s", g.parens(left), pick(g, "and", "or", "unless"), matching, g.parens(right))
}

// histogram applies a function of histograms, to histograms for the most part.
func (g grammar) histogram(depth int) string {
	v := g.vector(depth)
	if g.chance(80) {
		v = pick(g, "rate", "increase", "delta", "irate", "sum_over_time", "avg_over_time", "last_over_time") +
			"(" + g.windowOf(pick(g, "native", "native", "custom", "mixed", "latency_bucket", "latency_bucket")) + ")"
		if g.chance(50) {
			v = fmt.Sprintf("%s %s (%s)", pick(g, "sum", "sum", "avg"), pick(g, "by (le)", "by (job, le)", "", "by (job)", "without (instance)"), v)
		}
		if g.chance(15) {
			v = pick(g, v+" * 2", v+" / 3", "-"+v, v+" + "+v, v+" - "+v)
		}
	}
	switch g.IntN(4) {
	case 0, 1:
		return fmt.Sprintf("histogram_quantile(%s, %s)", g.fraction(), v)
	case 2:
		return fmt.Sprintf("histogram_fraction(%s, %s, %s)", pick(g, "-Inf", "0", "-1", "0.2"), pick(g, "+Inf", "1", "0.7", "2.5"), v)
	}
	return pick(g, "histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar") + "(" + v + ")"
}

func (g grammar) labels(depth int) string {
	v := g.vector(depth)
	if g.chance(50) {
		return fmt.Sprintf("label_replace(%s, %s)", v, pick(g,
			`"to", "$1-x", "job", "(.*)"`, `"job", "all", "job", ".*"`, `"instance", "", "instance", "a"`, `"to", "${n}", "instance", "(?P<n>[a-b])"`,
			`"__name__", "renamed", "job", ".*"`, `"from_name", "$1", "__name__", "(.)(.*)"`, `"le", "1", "job", "web"`, `"to.dots", "ü\t\"", "job", "api"`))
	}
	return fmt.Sprintf("label_join(%s, %s)", v, pick(g, `"to", "/", "job", "instance"`, `"job", ""`, `"instance", "-", "code"`, `"to", "\\", "job", "no_such_label", "job"`))
}

func (g grammar) scalar(depth int) string {
	if depth <= 0 {
		return g.literal()
	}
	depth--
	switch g.IntN(8) {
	case 0, 1:
		return "scalar(" + g.vector(depth) + ")"
	case 2:
		return pick(g, "time()", "pi()", "time() - 1700000000")
	case 3:
		return g.parens(g.scalar(depth)) + " " + pick(g, "+", "-", "*", "/", "%", "^") + " " + g.parens(g.scalar(depth))
	case 4:
		return g.parens(g.scalar(depth)) + " " + g.compares() + " bool " + g.parens(g.scalar(depth))
	case 5:
		return pick(g, "-", "+") + g.parens(g.scalar(depth))
	case 6:
		return pick(g, "max_of", "min_of") + "(" + g.scalar(depth) + ", " + g.scalar(depth) + ")"
	}
	return g.literal()
}

func (g grammar) literal() string {
	return pick(g, "0", "1", "2", "-1", "0.5", "100", "1e6", "Inf", "-Inf", "NaN", "1e-3", "5m", "0x1f", "3.14159", "-0.0", "1e300", "-2.5")
}

// Package promath is PromQL's mathematics as pure functions.
package promath

import (
	"errors"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

type Sample struct {
	Labels labels.Labels
	F      float64
	H      *histogram.FloatHistogram
}

type Vector []Sample

type Range struct {
	Series          []metric.Series
	Start, End, Now int64
}

type Grouping struct {
	Without bool
	Labels  []string
}

type Op int

const (
	OpAdd Op = iota
	OpSub
	OpMul
	OpDiv
	OpMod
	OpPow
	OpEq
	OpNe
	OpGt
	OpLt
	OpGe
	OpLe
)

type Card int

const (
	OneToOne Card = iota
	ManyToOne
	OneToMany
)

type Matching struct {
	On      bool
	Labels  []string
	Card    Card
	Include []string
}

var errUnfinished = errors.New("not finished")

func Instant(series []metric.Series, at, lookback int64) Vector          { return nil }
func Absent(v Vector, sel *metric.Selector) Vector                       { return nil }
func ScalarOf(v Vector) float64                                          { return 0 }
func VectorOf(f float64) Vector                                          { return nil }
func Scalar(op Op, a, b float64) float64                                 { return 0 }
func Rate(r Range) (Vector, error)                                       { return nil, errUnfinished }
func Irate(r Range) (Vector, error)                                      { return nil, errUnfinished }
func Increase(r Range) (Vector, error)                                   { return nil, errUnfinished }
func Delta(r Range) (Vector, error)                                      { return nil, errUnfinished }
func Idelta(r Range) (Vector, error)                                     { return nil, errUnfinished }
func Deriv(r Range) (Vector, error)                                      { return nil, errUnfinished }
func Resets(r Range) (Vector, error)                                     { return nil, errUnfinished }
func Changes(r Range) (Vector, error)                                    { return nil, errUnfinished }
func AvgOverTime(r Range) (Vector, error)                                { return nil, errUnfinished }
func SumOverTime(r Range) (Vector, error)                                { return nil, errUnfinished }
func MinOverTime(r Range) (Vector, error)                                { return nil, errUnfinished }
func MaxOverTime(r Range) (Vector, error)                                { return nil, errUnfinished }
func CountOverTime(r Range) (Vector, error)                              { return nil, errUnfinished }
func LastOverTime(r Range) (Vector, error)                               { return nil, errUnfinished }
func FirstOverTime(r Range) (Vector, error)                              { return nil, errUnfinished }
func StddevOverTime(r Range) (Vector, error)                             { return nil, errUnfinished }
func StdvarOverTime(r Range) (Vector, error)                             { return nil, errUnfinished }
func PresentOverTime(r Range) (Vector, error)                            { return nil, errUnfinished }
func MadOverTime(r Range) (Vector, error)                                { return nil, errUnfinished }
func TsOfMinOverTime(r Range) (Vector, error)                            { return nil, errUnfinished }
func TsOfMaxOverTime(r Range) (Vector, error)                            { return nil, errUnfinished }
func TsOfFirstOverTime(r Range) (Vector, error)                          { return nil, errUnfinished }
func TsOfLastOverTime(r Range) (Vector, error)                           { return nil, errUnfinished }
func CoveredRate(r Range) (Vector, error)                                { return nil, errUnfinished }
func QuantileOverTime(q float64, r Range) (Vector, error)                { return nil, errUnfinished }
func AbsentOverTime(r Range, sel *metric.Selector) (Vector, error)       { return nil, errUnfinished }
func PredictLinear(r Range, seconds float64) (Vector, error)             { return nil, errUnfinished }
func DoubleExponentialSmoothing(r Range, sf, tf float64) (Vector, error) { return nil, errUnfinished }
func Sum(v Vector, g Grouping) (Vector, error)                           { return nil, errUnfinished }
func Avg(v Vector, g Grouping) (Vector, error)                           { return nil, errUnfinished }
func Min(v Vector, g Grouping) (Vector, error)                           { return nil, errUnfinished }
func Max(v Vector, g Grouping) (Vector, error)                           { return nil, errUnfinished }
func Count(v Vector, g Grouping) (Vector, error)                         { return nil, errUnfinished }
func Group(v Vector, g Grouping) (Vector, error)                         { return nil, errUnfinished }
func Stddev(v Vector, g Grouping) (Vector, error)                        { return nil, errUnfinished }
func Stdvar(v Vector, g Grouping) (Vector, error)                        { return nil, errUnfinished }
func Topk(k float64, v Vector, g Grouping) (Vector, error)               { return nil, errUnfinished }
func Bottomk(k float64, v Vector, g Grouping) (Vector, error)            { return nil, errUnfinished }
func Quantile(q float64, v Vector, g Grouping) (Vector, error)           { return nil, errUnfinished }
func HistogramQuantile(q float64, v Vector) (Vector, error)              { return nil, errUnfinished }
func HistogramFraction(lower, upper float64, v Vector) (Vector, error)   { return nil, errUnfinished }
func HistogramCount(v Vector) (Vector, error)                            { return nil, errUnfinished }
func HistogramSum(v Vector) (Vector, error)                              { return nil, errUnfinished }
func HistogramAvg(v Vector) (Vector, error)                              { return nil, errUnfinished }
func HistogramStddev(v Vector) (Vector, error)                           { return nil, errUnfinished }
func HistogramStdvar(v Vector) (Vector, error)                           { return nil, errUnfinished }
func Neg(v Vector) (Vector, error)                                       { return nil, errUnfinished }
func Abs(v Vector) (Vector, error)                                       { return nil, errUnfinished }
func Ceil(v Vector) (Vector, error)                                      { return nil, errUnfinished }
func Floor(v Vector) (Vector, error)                                     { return nil, errUnfinished }
func Sqrt(v Vector) (Vector, error)                                      { return nil, errUnfinished }
func Ln(v Vector) (Vector, error)                                        { return nil, errUnfinished }
func Log2(v Vector) (Vector, error)                                      { return nil, errUnfinished }
func Log10(v Vector) (Vector, error)                                     { return nil, errUnfinished }
func Exp(v Vector) (Vector, error)                                       { return nil, errUnfinished }
func Sgn(v Vector) (Vector, error)                                       { return nil, errUnfinished }
func Round(v Vector, to float64) (Vector, error)                         { return nil, errUnfinished }
func Clamp(v Vector, min, max float64) (Vector, error)                   { return nil, errUnfinished }
func ClampMin(v Vector, min float64) (Vector, error)                     { return nil, errUnfinished }
func ClampMax(v Vector, max float64) (Vector, error)                     { return nil, errUnfinished }
func LabelReplace(v Vector, dst, replacement, src, regex string) (Vector, error) {
	return nil, errUnfinished
}
func LabelJoin(v Vector, dst, separator string, src ...string) (Vector, error) {
	return nil, errUnfinished
}
func Binary(op Op, lhs, rhs Vector, m Matching) (Vector, error) { return nil, errUnfinished }
func BinaryScalar(op Op, v Vector, f float64, scalarOnLeft bool) (Vector, error) {
	return nil, errUnfinished
}
func And(lhs, rhs Vector, m Matching) (Vector, error)    { return nil, errUnfinished }
func Or(lhs, rhs Vector, m Matching) (Vector, error)     { return nil, errUnfinished }
func Unless(lhs, rhs Vector, m Matching) (Vector, error) { return nil, errUnfinished }

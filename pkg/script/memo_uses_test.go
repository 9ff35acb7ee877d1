package script

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// usesToShare are programs with uses that need some of the same values, of
// series with and without the vocabulary's labels.
var usesToShare = []string{
	// Without a grouping, series are read as they are.
	`edge.requests_per_second()`,
	`rps(edge_requests_total["1m"])`,
	`edge.requests_per_second{service="checkout"}`,
	`edge.error_ratio()`,

	// Labels that are renamed, and the same in the gateway's own.
	`edge.requests_per_second({}, nil, by("service"))`,
	`edge.requests_per_second({}, nil, by("pod"))`,
	`edge.requests_per_second({}, nil, by("service", "pod"))`,
	`edge.requests_per_second({}, nil, by("pod", "service"))`,
	`edge.requests_per_second({service="checkout"}, "30s", by("service"))`,
	`edge.error_ratio({}, nil, by("service"))`,
	`rps(edge_requests_total["1m"], by("svc"))`,
	`rps(edge_requests_total["1m"], by("service"))`,
	`sum(rate(edge_requests_total["1m"]), by("svc"))`,
	`count(edge.requests_per_second({}, nil, by("service"))) + count(rps(edge_requests_total["1m"], by("service")))`,

	// A part of a label, and all of it under the same name.
	`edge.requests_per_second({}, nil, by("route"))`,
	`edge.requests_per_second({route="checkout"}, nil, by("route", "service"))`,
	`edge.requests_per_second({}, nil, by("upstream"))`,
	`gateway.requests_per_second({}, nil, by("upstream", "route"))`,

	// Addresses as pods: those of the program's own namespace.
	`edge.requests_per_second({}, nil, by("upstream_pod"))`,
	`edge.requests_per_second({}, nil, by("service", "upstream_pod"))`,
	`edge.requests_per_second({route="checkout"}, "30s", by("upstream_pod"))`,
	`sum(edge.requests_per_second({}, nil, by("upstream_pod"))) - sum(edge.requests_per_second({}, nil, by("upstream")))`,
	`pod_of(rps(edge_requests_total["1m"], by("peer")), "peer")`,
	`sum(pod_of(edge.requests_per_second({}, nil, by("upstream")), "upstream"), by("pod"))`,

	// Percentiles in each of their shapes, with what is in flight.
	`edge.latency_p50_seconds({}, nil, by("service"))`,
	`edge.latency_p95_seconds({}, nil, by("service"))`,
	`edge.latency_p95_seconds({}, nil, by("pod"))`,
	`edge.latency_p95_seconds{service="cart"}`,
	`p95(edge_latency_ms["1m"], by("svc")) / 1000`,
	`p95(edge_latency_ms["1m"], by("service")) / 1000`,
	`edge.upstream_latency_p95_seconds({}, nil, by("service"))`,
	`edge.upstream_latency_p95_seconds({}, nil, by("service", "route"))`,
	`p95(series"edge.upstream"{host=neq"*"}["1m"], by("host"))`,

	// Instants.
	`edge.active_connections({}, nil, by("pod"))`,
	`edge.queue_depth({}, nil, by("model"))`,
	`edge.queue_depth({}, nil, by("pod", "model"))`,
	`sum(max(edge_queue, by("engine", "model_name")), by("model_name"))`,
	`sum(max(edge_queue, by("engine", "model")), by("model"))`,
	`local n = 0 for i = 1, 40 do n = n + count(edge.queue_depth({}, nil, by("model"))) end return n`,
}

// tenants are namespaces with pods of their own, of which some have the same
// addresses, and one without any.
var tenants = []struct {
	namespace string
	podOf     func(string) (string, bool)
}{
	{"shop", Addresses{"10.0.0.7": "checkout-0", "10.0.0.9": "checkout-1"}.Pod},
	{"market", Addresses{"10.0.0.7:80": "stall-0", "10.0.0.7:81": "stall-1", "10.0.0.66": "cart-0"}.Pod},
	{"empty", nil},
}

// tenantUse is a program of a tenant.
type tenantUse struct {
	source          string
	tenant          int
	alone, together *Program
}

// usesOf compiles each of the programs for each tenant.
func usesOf(t *testing.T) []tenantUse {
	t.Helper()
	var out []tenantUse
	for _, source := range usesToShare {
		for i := range tenants {
			u := tenantUse{source: source, tenant: i}
			for _, p := range []**Program{&u.alone, &u.together} {
				var err error
				if *p, err = Compile(source, edgeOptions(t)); err != nil {
					t.Fatalf("Compile(%s): %v", source, err)
				}
			}
			out = append(out, u)
		}
	}
	return out
}

// in returns the environment as the tenant has it.
func (u *tenantUse) in(env Env) Env {
	env.Namespace, env.PodOf = tenants[u.tenant].namespace, tenants[u.tenant].podOf
	return env
}

// TestMemoChangesNothingOfUses compares what programs with uses give, in several
// namespaces, with and without a Memo that all of them share.
func TestMemoChangesNothingOfUses(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1 << 20, 3000, 0} {
		memo := NewRoom(limit).NewMemo()
		uses := usesOf(t)
		differ := false
		for round := range 5 {
			env := edgeData()
			env.Now += int64(round) * 1000
			if round == 3 { // what a program remembers of labels follows the series
				env.Data = slices.Concat(env.Data.(memory)[1:], memory{newSeries(`edge_requests_total{pod="g0",code="200",svc="new",service="old",cluster="route/new/rule/0",peer="10.0.0.66:80"}`, counter(13, 0, 5)...)})
			}
			var want []string
			byUse := map[string]string{}
			for i := range uses {
				u := &uses[i]
				v, err := u.alone.Run(u.in(env))
				want = append(want, outcome(u.alone, v, err))
				if before, ok := byUse[u.source]; ok && before != want[i] {
					differ = true
				}
				byUse[u.source] = want[i]
			}
			memo.Begin(env.Now, env.Lookback)
			env.Memo = memo
			for _, i := range permuted(len(uses), round) {
				u := &uses[i]
				v, err := u.together.Run(u.in(env))
				if got := outcome(u.together, v, err); got != want[i] {
					t.Errorf("limit %d, round %d: %s in %s\ngives %s\nalone %s", limit, round, u.source, tenants[u.tenant].namespace, got, want[i])
				}
			}
			memo.End()
		}
		if !differ {
			t.Error("no program gives something else in another namespace")
		}
		if shared := memo.Shared() > 0; shared != (limit > 0) {
			t.Errorf("limit %d: %d values were shared", limit, memo.Shared())
		}
	}
}

// TestUsesOverWindows: what programs with uses give in several namespaces over
// the same windows, where they need no labels to aggregate series and share what
// they compute, is what they give over series with labels, alone.
func TestUsesOverWindows(t *testing.T) {
	t.Parallel()
	w := window.New(interval)
	var wants []metric.Selector
	for _, u := range usesOf(t) {
		wants = append(wants, u.alone.Wants()...)
	}
	w.SetWants(wants)
	parts := []window.Part{{Window: w}}
	selections := window.NewSelections(window.Covered, parts...)
	uses := usesOf(t)
	var views []*window.View
	for range uses {
		views = append(views, selections.View())
	}
	memo := NewRoom(1 << 20).NewMemo()
	for round := range 16 {
		now := testNow + int64(round)*interval
		scrapeEdge(t, w, round, now)
		var lookback int64
		want := make([]string, len(uses))
		for i := range uses {
			u := &uses[i]
			reference := window.NewView(window.Covered, parts...)
			reference.Begin(now)
			lookback = reference.Lookback()
			v, err := u.alone.Run(u.in(Env{Now: now, Lookback: lookback, Data: plainData{reference}}))
			want[i] = outcome(u.alone, v, err) + said(reference)
			reference.End()
		}
		memo.Begin(now, lookback)
		for _, i := range permuted(len(uses), round) {
			u := &uses[i]
			views[i].Begin(now)
			v, err := u.together.Run(u.in(Env{Now: now, Lookback: lookback, Data: views[i], Memo: memo}))
			if got := outcome(u.together, v, err) + said(views[i]); got != want[i] {
				t.Errorf("round %d: %s in %s\ngives %s\nalone %s", round, u.source, tenants[u.tenant].namespace, got, want[i])
			}
			views[i].End()
		}
		memo.End()
	}
	if memo.Shared() == 0 {
		t.Error("nothing was shared")
	}
}

// scrapeEdge appends what the pods of edge show in a round: the series of
// edgeData, of which the first goes in the eighth, with counters that are reset
// in the tenth.
func scrapeEdge(t *testing.T, w *window.Window, round int, now int64) {
	t.Helper()
	series := edgeData().Data.(memory)
	var targets []metric.Target
	for _, pod := range []string{"g1", "g2"} {
		targets = append(targets, metric.Target{ID: pod, Expected: true, Labels: labels.FromStrings("pod", pod)})
	}
	w.SetTargets(targets, now)
	for _, target := range targets {
		batch := metric.Batch{Time: now, Table: &metric.Table{}}
		for i, s := range series {
			if pod := cmp.Or(s.Labels.Get("pod"), "g1"); pod != target.ID || i == 0 && round >= 8 {
				continue
			}
			steps := round
			if round >= 10 {
				steps -= 10
			}
			value := s.F[0] + float64(steps)*(s.F[1]-s.F[0])
			batch.Table.Series = append(batch.Table.Series, labels.NewBuilder(s.Labels).Del("pod").Labels())
			batch.IDs = append(batch.IDs, uint32(len(batch.IDs)))
			batch.Values = append(batch.Values, math.Max(value, 0))
			batch.Histograms = append(batch.Histograms, nil)
		}
		if err := w.Append(target.ID, batch); err != nil {
			t.Fatal(err)
		}
	}
}

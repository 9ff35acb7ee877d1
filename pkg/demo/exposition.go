package demo

import (
	"math"
	"strconv"
)

// AppendExposition appends what a pod answers to a scrape, in the Prometheus
// text format and the shape of Kong 3's Prometheus plugin: counts are whole
// numbers, latencies milliseconds, and buckets below the smallest observation
// are absent, as is a response that did not occur. A pod that there is not
// appends nothing.
func (m *Model) AppendExposition(dst []byte, pod string) []byte {
	p := m.pod(pod)
	if p == nil {
		return dst
	}
	w := writer{buf: dst, node: pod}
	totals := m.podTotals(p)
	w.tokens(m.routes, totals)
	w.requests(m.routes, totals)
	rate := 0.0
	if p.ready {
		rate = m.rate()
	}
	requests := requestsOf(totals)
	// Little's law: what is in progress is the rate times the time it takes.
	busy := math.Round(rate * (m.capacity.Floor + m.capacity.Latency(rate)) / 1000)
	w.nginx(requests, busy)
	w.latency("kong_request_latency_ms", "Total latency incurred during requests for each service/route in Kong",
		m.routes, totals, func(t *routeTotals) *distribution { return &t.request })
	w.latency("kong_upstream_latency_ms", "Latency added by upstream response for each service/route in Kong",
		m.routes, totals, func(t *routeTotals) *distribution { return &t.upstream })
	return w.buf
}

// requestsOf returns how many requests the counters hold.
func requestsOf(totals []routeTotals) float64 {
	var sum float64
	for i := range totals {
		for _, n := range totals[i].responses {
			sum += math.Floor(n)
		}
	}
	return sum
}

// A writer writes samples. Label values are its own constants and pod names:
// none needs escaping.
type writer struct {
	buf  []byte
	node string
}

// family writes the lines that introduce a metric.
func (w *writer) family(name, kind, help string) {
	w.buf = append(w.buf, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// sample writes one line; labels are what stands between the braces, and
// values are rounded down.
func (w *writer) sample(name, labels string, value float64) {
	w.buf = append(w.buf, name...)
	if labels != "" {
		w.buf = append(w.buf, '{')
		w.buf = append(w.buf, labels...)
		w.buf = append(w.buf, '}')
	}
	w.buf = append(w.buf, ' ')
	w.buf = strconv.AppendFloat(w.buf, math.Floor(value), 'f', 0, 64)
	w.buf = append(w.buf, '\n')
}

// counter writes a line only where there was something to count.
func (w *writer) counter(name, labels string, value float64) {
	if value >= 1 {
		w.sample(name, labels, value)
	}
}

func (w *writer) tokens(routes []route, totals []routeTotals) {
	const labels = `ai_provider="openai",ai_model="gpt-4o-mini",cache_status="",vector_db="",embeddings_provider="",embeddings_model="",workspace="default"`
	var requests, prompt, completion float64
	for i, r := range routes {
		if r.prompt > 0 {
			n := math.Floor(totals[i].responses[answered])
			requests, prompt, completion = requests+n, prompt+n*r.prompt, completion+n*r.completion
		}
	}
	w.family("kong_ai_llm_requests_total", "counter", "AI requests total per ai_provider/cache in Kong")
	w.counter("kong_ai_llm_requests_total", labels, requests)
	w.family("kong_ai_llm_tokens_total", "counter", "AI tokens total per ai_provider/cache in Kong")
	w.counter("kong_ai_llm_tokens_total", labels+`,token_type="completion_tokens"`, completion)
	w.counter("kong_ai_llm_tokens_total", labels+`,token_type="prompt_tokens"`, prompt)
	// Kong counts the sum as well: whoever adds up this metric counts twice.
	w.counter("kong_ai_llm_tokens_total", labels+`,token_type="total_tokens"`, prompt+completion)
}

func (w *writer) requests(routes []route, totals []routeTotals) {
	const name = "kong_http_requests_total"
	w.family(name, "counter", "HTTP status codes per consumer/service/route in Kong")
	for i, r := range routes {
		for response, labels := range [numResponses]string{
			answered: `code="200",source="service"`,
			failed:   `code="502",source="service"`,
			rejected: `code="503",source="kong"`,
		} {
			w.counter(name, `service="`+r.service+`",route="`+r.name+`",`+labels+`,workspace="default",consumer=""`, totals[i].responses[response])
		}
	}
}

// nginx writes the connections, which Kong calls a gauge in spite of the name,
// and the requests, which it calls a gauge although they are a counter.
func (w *writer) nginx(requests, busy float64) {
	const keepalive, perConnection = 8, 25
	node := `node_id="` + w.node + `",subsystem="http"`
	accepted := math.Ceil(requests/perConnection) + keepalive
	w.family("kong_nginx_connections_total", "gauge", "Number of connections by subsystem")
	for _, c := range []struct {
		state string
		value float64
	}{
		{"accepted", accepted},
		{"active", busy + keepalive},
		{"handled", accepted},
		{"reading", 0},
		{"total", requests},
		{"waiting", keepalive},
		{"writing", busy},
	} {
		w.sample("kong_nginx_connections_total", node+`,state="`+c.state+`"`, c.value)
	}
	w.family("kong_nginx_requests_total", "gauge", "Total number of requests")
	w.sample("kong_nginx_requests_total", node, requests)
}

func (w *writer) latency(name, help string, routes []route, totals []routeTotals, of func(*routeTotals) *distribution) {
	w.family(name, "histogram", help)
	for i, r := range routes {
		d := of(&totals[i])
		labels := `service="` + r.service + `",route="` + r.name + `",workspace="default"`
		count := math.Floor(d.count)
		if count < 1 {
			continue
		}
		below := 0.0
		for j, bound := range bounds {
			// Sums of floats may be an ulp apart; a bucket never holds less
			// than the one before it, and never more than there is.
			below = min(max(below, math.Floor(d.below[j])), count)
			w.counter(name+"_bucket", labels+`,le="`+strconv.FormatFloat(bound, 'f', -1, 64)+`"`, below)
		}
		w.sample(name+"_bucket", labels+`,le="+Inf"`, count)
		w.sample(name+"_count", labels, count)
		w.sample(name+"_sum", labels, d.sum)
	}
}

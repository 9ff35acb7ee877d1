package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/spf13/cobra"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/convert"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/scrape"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/window"
)

type evalOptions struct {
	expression  string
	programFile string
	files       []string
	urls        []string
	format      string
	preset      string
	presetsDir  string
	watch       bool
	interval    time.Duration
	timeout     time.Duration
	output      string
	tokenFile   string
	caFile      string
	pods        []string
	limits      script.Limits
}

func newEvalCommand() *cobra.Command {
	o := evalOptions{limits: script.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "eval (-e EXPR | -f PROGRAM.lua) (--url URL... | --file PATH[@UNIX_SECONDS]...)",
		Short: "Evaluate an expression over an endpoint or recorded expositions",
		Long: `Evaluate an expression over what an endpoint exposes now, or over recorded files,
and print its items with labels, value and time.

A rate needs at least two scrapes: give several files of one endpoint, each with
the time at which it was recorded, or --watch an endpoint. The expression is
evaluated at the time of the last scrape.`,
		Example: `  gaugeway eval --url http://127.0.0.1:8100/metrics -e 'sum(kong_nginx_connections_total{state="active"})'
  gaugeway eval --url http://127.0.0.1:8100/metrics --watch -e 'p95(kong_request_latency_ms["1m"])'
  gaugeway eval --preset kong --url http://127.0.0.1:8100 --watch -e 'gateway.requests_per_second{service="checkout"}'
  gaugeway eval --file t0.prom@1795307373 --file t1.prom@1795307393 -e 'rps(kong_http_requests_total["1m"])'`,
		Args: noArguments("the expression goes behind -e, in quotes"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd.Flags().Changed("expression")); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.expression, "expression", "e", "", "the expression")
	f.StringVarP(&o.programFile, "program", "f", "", "a file with the program")
	f.StringArrayVar(&o.files, "file", nil, "a recorded exposition, PATH or PATH@UNIX_SECONDS; several are scrapes of one endpoint")
	f.StringArrayVar(&o.urls, "url", nil, "an endpoint to scrape; several are targets side by side")
	f.StringVar(&o.format, "format", "", "format of the exposition: Auto, StubStatus, Csv, or Json by the rules of the preset (default that of the preset, or Auto)")
	f.StringVar(&o.preset, "preset", "", "the gateway that it is, such as kong: what gateway means in the expression, and defaults of format, path and query")
	addPresetsFlag(f, &o.presetsDir)
	f.BoolVar(&o.watch, "watch", false, "scrape and evaluate again each interval, until interrupted")
	f.DurationVar(&o.interval, "interval", 5*time.Second, "time between two scrapes with --watch")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "how long a scrape may take")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.StringVar(&o.tokenFile, "bearer-token-file", "", "file with a bearer token for the endpoint")
	f.StringVar(&o.caFile, "ca-file", "", "file with the certificate authority of the endpoint")
	f.StringArrayVar(&o.pods, "pod", nil, "a pod that pod_of finds, ADDRESS=NAME; the address is a host or host:port")
	addLimitFlags(f, &o.limits)
	return cmd
}

// validate says what is wrong with the flags. An expression may be empty, and
// is then refused where it is compiled.
func (o *evalOptions) validate(hasExpression bool) error {
	switch {
	case hasExpression == (o.programFile != ""):
		return errors.New("give one expression: -e EXPR, or -f PROGRAM.lua")
	case (len(o.files) > 0) == (len(o.urls) > 0):
		return errors.New("say what to evaluate it over: --url URL, or --file PATH")
	case o.watch && len(o.files) > 0:
		return errors.New("--watch scrapes a --url; files are evaluated once")
	case o.output != "text" && o.output != "json":
		return fmt.Errorf("--output %q: want text or json", o.output)
	case o.format != "" && !slices.Contains(v1alpha1.Formats(), o.format):
		return fmt.Errorf("--format %q: want one of %s", o.format, strings.Join(v1alpha1.Formats(), ", "))
	case o.interval < time.Second:
		return fmt.Errorf("--interval %s: want at least 1s", o.interval)
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %s: want more than 0, such as 5s", o.timeout)
	}
	return nil
}

func (o *evalOptions) run(ctx context.Context, out, errOut io.Writer) error {
	presets, of, err := o.readPresets(errOut)
	if err != nil {
		return err
	}
	ev, err := o.compile(presets, of, errOut)
	if err != nil {
		return err
	}
	if len(o.files) > 0 {
		if err := ev.readFiles(o.files, errOut); err != nil {
			return err
		}
		return ev.evaluate(out, o.output)
	}
	return o.scrape(ctx, ev, out, errOut)
}

// An evaluator is a program over a window of its own.
type evaluator struct {
	program  *script.Program
	window   *window.Window
	view     *window.View
	format   exposition.Format
	presets  *preset.Set
	preset   *preset.Preset // nil for none
	sighting *preset.Sighting
	near     *preset.Nearby
	now      int64 // ms of the last scrape
	scrapes  int
	watch    bool
	interval int64 // ms
	pods     script.Addresses
}

// readPresets returns the presets, and the one that --preset names, nil for none.
// What it has a default for is filled in.
func (o *evalOptions) readPresets(errOut io.Writer) (*preset.Set, *preset.Preset, error) {
	presets, findings, err := loadPresets(o.presetsDir)
	if err != nil {
		return nil, nil, err
	}
	printFindings(errOut, findings)
	of := presets.Get(o.preset)
	switch {
	case o.preset != "" && of == nil:
		message, cure := presets.Unknown(o.preset)
		return nil, nil, fmt.Errorf("--preset: %s: %s", message, cure)
	case of != nil && o.format == "":
		o.format = of.Format
	case o.format == "":
		o.format = string(exposition.Auto)
	}
	if o.format == string(exposition.Json) && (of == nil || of.JSON == nil) {
		return nil, nil, errors.New("--format Json takes its rules from a preset: name one that has some with --preset")
	}
	if of != nil {
		for i, raw := range o.urls {
			o.urls[i] = of.CompleteURL(raw)
		}
	}
	return presets, of, nil
}

func (o *evalOptions) compile(presets *preset.Set, of *preset.Preset, errOut io.Writer) (*evaluator, error) {
	pods, err := podsByAddress(o.pods)
	if err != nil {
		return nil, err
	}
	name, source := "expression", o.expression
	if o.programFile != "" {
		text, err := os.ReadFile(o.programFile)
		if err != nil {
			return nil, err
		}
		name, source = o.programFile, string(text)
	}
	program, err := script.Compile(source, script.Options{Name: "eval", Limits: o.limits, Modules: presets.Modules(), Gateway: o.preset})
	if err != nil {
		var list script.Errors
		if !errors.As(err, &list) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, e := range list {
			fmt.Fprintln(errOut, placed(name, e))
		}
		if lua, err := convert.FromPromQL(source); err == nil {
			fmt.Fprintf(errOut, "taken as PromQL, it is this in Lua:\n%s\n", lua)
		}
		return nil, exitError{code: exitFindings}
	}
	if len(program.History()) > 0 {
		return nil, errors.New("the expression reads earlier results of metrics, and eval has none: give them as history to gaugeway test")
	}
	for _, w := range program.Warnings() {
		fmt.Fprintln(errOut, placed(name, w)+" (warning)")
	}
	win := window.New(o.interval.Milliseconds())
	win.SetWants(program.Wants())
	return &evaluator{
		program:  program,
		window:   win,
		view:     window.NewView(window.All, window.Part{Window: win}),
		format:   exposition.Format(o.format),
		presets:  presets,
		preset:   of,
		sighting: presets.NewSighting(),
		near:     preset.NewNearby(program.Wants()),
		watch:    o.watch,
		interval: o.interval.Milliseconds(),
		pods:     pods,
	}, nil
}

// podsByAddress reads ADDRESS=NAME.
func podsByAddress(args []string) (script.Addresses, error) {
	pods := script.Addresses{}
	for _, arg := range args {
		address, name, ok := strings.Cut(arg, "=")
		if !ok || address == "" || name == "" {
			return nil, fmt.Errorf("--pod %s: want ADDRESS=NAME, such as 10.0.0.1=checkout-0", arg)
		}
		pods[address] = name
	}
	return pods, nil
}

// placed prints a mistake with its place: name:line:column: message; cure.
func placed(name string, e *script.Error) string {
	for _, n := range []int{e.Line, e.Column} {
		if n > 0 {
			name += ":" + strconv.Itoa(n)
		}
	}
	return name + ": " + (&script.Error{Message: e.Message, Cure: e.Cure}).Error()
}

func (ev *evaluator) parser() *exposition.Parser {
	o := exposition.Options{Format: ev.format, Want: ev.window.Wanted}
	ev.sighting.Watch(ev.preset, &o)
	ev.near.Watch(&o)
	return exposition.NewParser(o)
}

// readFiles takes each file as a scrape of one endpoint.
func (ev *evaluator) readFiles(args []string, errOut io.Writer) error {
	type recording struct {
		path string
		at   int64
	}
	var recordings []recording
	for _, arg := range args {
		path, at, err := splitTime(arg, len(args) > 1)
		if err != nil {
			return err
		}
		recordings = append(recordings, recording{path, at})
	}
	slices.SortStableFunc(recordings, func(a, b recording) int { return int(a.at - b.at) })

	target := metric.Target{ID: "file", Labels: labels.EmptyLabels(), Expected: true}
	ev.window.SetTargets([]metric.Target{target}, 0)
	parser := ev.parser()
	for _, r := range recordings {
		body, err := os.ReadFile(r.path)
		if err != nil {
			return err
		}
		batch, stats, err := parser.Parse(body, exposition.RecordedContentType(body), r.at)
		if err != nil {
			return fmt.Errorf("%s: %s", r.path, flagNames.Replace(err.Error()))
		}
		warnOfDropped(errOut, r.path, stats)
		if err := ev.window.Append(target.ID, batch); err != nil {
			return fmt.Errorf("%s: %w", r.path, err)
		}
		ev.now = r.at
		ev.scrapes++
	}
	return nil
}

// splitTime cuts PATH@UNIX_SECONDS; without a time the file's own is taken,
// unless one is required.
func splitTime(arg string, required bool) (path string, at int64, err error) {
	if i := strings.LastIndexByte(arg, '@'); i >= 0 {
		seconds, err := strconv.ParseFloat(arg[i+1:], 64)
		if err == nil && seconds > 0 && seconds < 1e11 {
			return arg[:i], int64(math.Round(seconds * 1000)), nil
		}
	}
	if required {
		return "", 0, fmt.Errorf("--file %s: of several files each needs its time: PATH@UNIX_SECONDS", arg)
	}
	info, err := os.Stat(arg)
	if err != nil {
		return "", 0, err
	}
	return arg, info.ModTime().UnixMilli(), nil
}

// scrape reads the endpoints once, or each interval until ctx is done.
func (o *evalOptions) scrape(ctx context.Context, ev *evaluator, out, errOut io.Writer) error {
	config := scrape.Config{Timeout: o.timeout, Now: time.Now}
	if ev.preset != nil {
		config.Params = url.Values(ev.preset.Params)
		for _, p := range ev.preset.Protocols {
			config.Protocols = append(config.Protocols, scrape.Protocol(p))
		}
	}
	if o.tokenFile != "" {
		config.Authorization = &scrape.Authorization{Type: "Bearer", CredentialsFile: o.tokenFile}
	}
	if o.caFile != "" {
		config.TLS = &scrape.TLS{CAFile: o.caFile}
	}
	scraper, err := scrape.New(config)
	if err != nil {
		return err
	}
	var targets []metric.Target
	parsers := map[string]*exposition.Parser{}
	for _, address := range o.urls {
		l := labels.EmptyLabels()
		if len(o.urls) > 1 {
			l = labels.FromStrings(metric.LabelInstance, address)
		}
		targets = append(targets, metric.Target{ID: address, URL: address, Labels: l, Expected: true})
		parsers[address] = ev.parser()
	}
	ev.window.SetTargets(targets, 0)
	ticker := time.NewTicker(o.interval)
	defer ticker.Stop()
	for {
		answered, err := ev.scrapeAll(ctx, scraper, targets, parsers, errOut)
		switch {
		case o.watch && ctx.Err() != nil:
			return nil
		case !o.watch && err != nil:
			return err
		case !o.watch:
			return ev.evaluate(out, o.output)
		case err != nil:
			fmt.Fprintln(errOut, err)
		}
		if answered {
			if err := ev.evaluate(out, o.output); err != nil {
				fmt.Fprintln(errOut, err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// scrapeAll scrapes all targets, says whether one answered, and what is wrong
// with the others.
func (ev *evaluator) scrapeAll(ctx context.Context, s *scrape.Scraper, targets []metric.Target, parsers map[string]*exposition.Parser, errOut io.Writer) (answered bool, err error) {
	var failures []error
	for _, t := range targets {
		result, err := s.Scrape(ctx, t.URL, parsers[t.ID])
		if err == nil {
			err = ev.window.Append(t.ID, result.Batch)
		}
		if err != nil {
			message := flagNames.Replace(err.Error())
			if len(targets) > 1 {
				message = t.URL + ": " + message
			}
			failures = append(failures, errors.New(message))
			continue
		}
		answered = true
		warnOfDropped(errOut, t.URL, result.Stats)
		ev.now = max(ev.now, result.Batch.Time)
	}
	if answered {
		ev.scrapes++
	}
	return answered, errors.Join(failures...)
}

// warnOfDropped says that a part of a body could not be read.
func warnOfDropped(errOut io.Writer, name string, s exposition.Stats) {
	if s.Dropped > 0 && len(s.BadLines) > 0 {
		fmt.Fprintf(errOut, "%s: %d lines cannot be read, the first is %v (warning)\n", name, s.Dropped, s.BadLines[0])
	}
}

// flagNames puts eval's flags in the place of the fields of a GatewaySource.
var flagNames = strings.NewReplacer(
	"spec.scrapeTimeout", "--timeout",
	"spec.authorization or spec.basicAuth", "--bearer-token-file",
	"choose the format StubStatus", "add --format StubStatus",
	"choose the format Csv", "add --format Csv",
	"choose the format Auto", "add --format Auto",
)

// evaluate runs the program at the time of the last scrape and prints the result.
func (ev *evaluator) evaluate(out io.Writer, output string) error {
	ev.view.Begin(ev.now)
	value, err := ev.program.Run(script.Env{Now: ev.now, Lookback: ev.view.Lookback(), Data: ev.view, PodOf: ev.pods.Pod})
	empty, notes := ev.presets.Unmatched(ev.program, ev.view.Empty(), ev.near)
	ev.view.End()
	if err != nil {
		return exitError{code: exitFindings, err: err}
	}
	if output == "json" {
		return printJSON(out, value, ev.now)
	}
	if len(value.Items) == 0 {
		return ev.printNothing(out, value, empty, notes)
	}
	at := strconv.FormatFloat(float64(ev.now)/1000, 'f', 3, 64)
	for _, item := range value.Items {
		fmt.Fprintf(out, "%s %s @%s\n", item.Labels, strconv.FormatFloat(item.Value, 'g', -1, 64), at)
	}
	return nil
}

// printNothing says why there is no item.
func (ev *evaluator) printNothing(out io.Writer, value script.Value, empty, notes []string) error {
	why := "the expression returned no data"
	switch {
	case len(value.Idle) > 0:
		why = "nothing was observed in the window, so there is no percentile"
	case len(notes) > 0:
		why = strings.Join(append(ev.doubts(), notes...), "; ")
	case len(empty) > 0:
		why = "no series matches " + strings.Join(empty, ", ")
	case ev.program.MapsPods() && len(ev.pods) == 0:
		why = "pod_of knows no pods here: give each as --pod ADDRESS=NAME"
	case ev.watch && value.Window > 0 && value.Window < 2*ev.interval:
		why = fmt.Sprintf("a window of %s often holds one scrape only; widen it to two of --interval, %s, at least",
			model.Duration(value.Window*int64(time.Millisecond)), model.Duration(2*ev.interval*int64(time.Millisecond)))
	case ev.scrapes == 1 && value.Window > 0 && ev.watch:
		why = "a range needs two scrapes; the next one follows"
	case ev.scrapes == 1 && value.Window > 0:
		why = "a range needs two scrapes: give several --file PATH@UNIX_SECONDS, or --watch a --url"
	}
	_, err := fmt.Fprintf(out, "no data: %s\n", why)
	return err
}

// doubts says what the endpoint looks like, where that is not the preset.
func (ev *evaluator) doubts() []string {
	if ev.preset == nil {
		return nil
	}
	if text := ev.sighting.Unlike(ev.preset); text != "" {
		return []string{"the endpoint " + text}
	}
	return nil
}

func printJSON(out io.Writer, value script.Value, now int64) error {
	type item struct {
		Labels map[string]string `json:"labels"`
		Value  string            `json:"value"`
	}
	items := []item{}
	for _, i := range value.Items {
		items = append(items, item{Labels: i.Labels.Map(), Value: strconv.FormatFloat(i.Value, 'g', -1, 64)})
	}
	return json.NewEncoder(out).Encode(struct {
		Time  float64 `json:"time"`
		Items []item  `json:"items"`
	}{float64(now) / 1000, items})
}

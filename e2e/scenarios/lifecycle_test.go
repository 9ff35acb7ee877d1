package scenarios_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// lifecycle is gaugeway's life in a cluster by kubectl apply -k: install, first
// metric, changes good and bad, a restart, a rolling upgrade, uninstall.
func lifecycle(s *cluster.Scenario) {
	withoutGaugeway(s)
	s.Node.SetExposition(s.Namespace, func(pod string) string {
		if pods := s.Pods("app=edge"); len(pods) > 0 && pods[0].Name() == pod {
			return "queue_length 3\nin_flight 1\n"
		}
		return "queue_length 5\nin_flight 4\n"
	})
	s.Apply("edge.yaml")
	s.AwaitReady(s.Namespace, "edge")
	before := inventoryBefore(s)

	install(s, "default")
	s.AwaitGaugeway()
	begin := time.Now()
	s.Apply("metrics.yaml")
	awaitExternal(s, "queue_length", 8)
	s.Logf("the first metric is read %v after its objects were applied", time.Since(begin).Round(100*time.Millisecond))

	r := &reads{name: "queue_length", want: []float64{8}}
	tl := s.Record(r.column(s))
	lifecycleChange(s, r, tl)
	lifecycleBreak(s, r, tl)
	lifecycleSample(s)
	lifecycleRefuse(s)
	lifecycleRestart(s, r, tl)
	lifecycleMend(s, r, tl)
	lifecycleUpgrade(s, r, tl)
	awaitTermination(s, "lifecycle-installed")

	tl.Mark("uninstall")
	uninstall(s, "default")
	awaitNothingLeft(s, before)
	awaitTermination(s, "lifecycle-uninstalled")
}

// lifecycleChange changes what a metric means: each read is of the old meaning
// or of the new one, and soon all are of the new one.
func lifecycleChange(s *cluster.Scenario, r *reads, tl *cluster.Timeline) {
	r.expect(8, 80)
	begin := tl.Mark("sum(queue_length) * 10")
	setLua(s, "sum(queue_length) * 10")
	// Both replicas answer in turn.
	s.Eventually(cluster.Patience, "the new meaning", func() error {
		for range 10 {
			if got, err := s.External("queue_length"); err != nil || got != 80 {
				return fmt.Errorf("it is %v, %w", got, err)
			}
		}
		return nil
	})
	s.Logf("the changed metric means what it should after %v", time.Since(begin).Round(100*time.Millisecond))
	r.tolerate("has not been evaluated yet")
	r.check(s, "change")
	awaitCondition(s, "gatewaymetric", "queue-length", "Accepted", "Accepted")
}

func setLua(s *cluster.Scenario, lua string) {
	s.Helper()
	s.Kubectl("patch", "gatewaymetric", "queue-length", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"lua":%q}}`, lua))
}

// lifecycleBreak applies a program that does not compile: the API server cannot
// know, gaugeway says what is wrong, and the last good version serves.
func lifecycleBreak(s *cluster.Scenario, r *reads, tl *cluster.Timeline) {
	r.expect(80)
	tl.Mark("return sum(queue_length) * (2")
	setLua(s, "-- twice as long\nreturn sum(queue_length) * (2\n")
	awaitBroken(s)
	awaitEvent(s, "Warning", "CompileError", "line 3 of the text")
	r.check(s, "broken change")
}

func awaitBroken(s *cluster.Scenario) {
	s.Helper()
	awaitCondition(s, "gatewaymetric", "queue-length", "Accepted", "CompileError", "spec.lua: line 3 of the text", "where `)` is due to close the `(` of line 2", "the last good version, generation 2, goes on")
	awaitCondition(s, "gatewaymetric", "queue-length", "Fresh", "Fresh")
	o, err := readObject(s, "gatewaymetric", "queue-length")
	if err != nil {
		s.Fatal(err)
	}
	if o.Status.LastGoodSpec["lua"] != "sum(queue_length) * 10" {
		s.Errorf("lastGoodSpec is %v", o.Status.LastGoodSpec)
	}
}

// awaitEvent waits for an event on the metric.
func awaitEvent(s *cluster.Scenario, kind, reason, text string) {
	s.Helper()
	s.Eventually(cluster.Patience, "the event "+reason, func() error {
		events, err := s.Client.CoreV1().Events(s.Namespace).List(s.Context(), metav1.ListOptions{
			FieldSelector: "involvedObject.kind=GatewayMetric,involvedObject.name=queue-length",
		})
		if err != nil {
			return err
		}
		var all []string
		for _, e := range events.Items {
			if e.Type == kind && e.Reason == reason && strings.Contains(e.Message, text) {
				return nil
			}
			all = append(all, e.Type+" "+e.Reason+": "+e.Message)
		}
		return fmt.Errorf("the events are %q", all)
	})
}

// ages are the columns of kubectl get that are different each time.
var ages = regexp.MustCompile(`(?m)(^\S+ .*?\s)(\d+[smhd])+(\s|$)`)

// lifecycleSample compares what kubectl prints with what the documentation
// shows, but for ages.
func lifecycleSample(s *cluster.Scenario) {
	s.Apply("more.yaml")
	awaitCondition(s, "gatewaymetric", "tokens", "Fresh", "Missing")
	awaitCondition(s, "gatewaymetric", "error-ratio", "Accepted", "CompileError", "spec.lua: ")
	awaitCondition(s, "gatewaymetric", "error-ratio", "Fresh", "Missing")
	awaitCondition(s, "gatewaysource", "llm", "Fresh", "NoTargets")
	path := s.File("kubectl.txt")
	want, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	// The value is written every 30 s.
	s.Eventually(time.Minute, "what kubectl prints to be as "+path+" says", func() error {
		got := "$ kubectl get gws\n" + s.Kubectl("get", "gws") + "\n$ kubectl get gwm\n" + s.Kubectl("get", "gwm")
		if g, w := columns(got), columns(string(want)); g != w {
			return fmt.Errorf("it prints\n%s\nwant\n%s", got, want)
		}
		return nil
	})
}

// columns is a table without ages and with one space between words.
func columns(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		line = ages.ReplaceAllString(strings.TrimSpace(line), "${1}AGE$3")
		fmt.Fprintln(&b, strings.Join(strings.Fields(line), " "))
	}
	return b.String()
}

// lifecycleRefuse applies objects that the schema does not allow.
func lifecycleRefuse(s *cluster.Scenario) {
	const source = "apiVersion: gaugeway.dev/v1alpha1\nkind: GatewaySource\nmetadata: {name: refused}\nspec: "
	const metric = "apiVersion: gaugeway.dev/v1alpha1\nkind: GatewayMetric\nmetadata: {name: refused}\nspec: "
	for _, c := range []struct{ manifest, reason string }{
		{source + "{interval: 1s}", "write exactly one of pods, service and static"},
		{source + "{service: {name: edge, port: metrics}, static: {urls: ['http://edge']}}", "write exactly one of pods, service and static"},
		{source + "{service: {name: edge, port: metrics}, interval: 1ms}", "choose 1s to 5m, such as 5s"},
		{source + "{service: {name: edge, port: metrics}, interval: 1s, scrapeTimeout: 2s}", "scrapeTimeout is longer than the interval"},
		{source + "{service: {name: edge, port: '9113'}}", "not a port; write 1 to 65535 without quotes"},
		{source + "{service: {name: edge, port: metrics}, intervall: 1s}", `unknown field "spec.intervall"`},
		{metric + "{sources: [{name: edge}], lua: sum(a), type: Total}", "write external: {name: ...}, pods: {name: ...} or object"},
		{metric + "{sources: [{name: edge}], lua: sum(a), type: Sum, external: {name: a}}", `supported values: "Level", "Total"`},
		{metric + "{sources: [], lua: sum(a), type: Total, external: {name: a}}", "should have at least 1 items"},
		{metric + "{sources: [{name: edge}], lua: ' ', type: Total, external: {name: a}}", "there is nothing to evaluate"},
		{metric + "{sources: [{name: edge}], lua: sum(a), type: Total, external: {name: a/b}}", "not a metric name"},
		{metric + "{sources: [{name: edge}], lua: sum(a), type: Total, external: {name: a}, missing: {policy: Hold}}", "policy Hold needs an end; write for: 2m"},
		{metric + "{sources: [{name: edge}], lua: sum(a), type: Total, object: {name: a, resource: pods, label: pod}}", "pods are served by the metric's field pods"},
	} {
		refuse(s, c.manifest, c.reason)
	}
}

// lifecycleRestart ends both replicas at once. Those that come in their place
// find the last good version in the object's status.
func lifecycleRestart(s *cluster.Scenario, r *reads, tl *cluster.Timeline) {
	tl.Mark("both replicas deleted")
	old := gaugewayPods(s)
	s.Kubectl("-n", systemNamespace, "delete", "pods", "-l", "app.kubernetes.io/name=gaugeway", "--wait=false")
	awaitEnd(s, old)
	s.AwaitGaugeway()
	awaitExternal(s, "queue_length", 80)
	r.expect(80)
	tl.Mark("the last good version again")
	s.Wait(3 * time.Second)
	r.check(s, "after the restart")
	awaitRestarted(s)
}

func awaitRestarted(s *cluster.Scenario) {
	s.Helper()
	awaitCondition(s, "gatewaymetric", "queue-length", "Accepted", "CompileError", "line 3 of the text", "goes on")
}

// lifecycleMend corrects the metric.
func lifecycleMend(s *cluster.Scenario, r *reads, tl *cluster.Timeline) {
	r.expect(80, 16)
	tl.Mark("sum(queue_length) * 2")
	setLua(s, "sum(queue_length) * 2")
	awaitCondition(s, "gatewaymetric", "queue-length", "Accepted", "Accepted")
	awaitExternal(s, "queue_length", 16)
	awaitEvent(s, "Normal", "Accepted", "in use")
	r.tolerate("has not been evaluated yet")
	r.check(s, "correction")
}

// lifecycleUpgrade rolls a changed template out: every read is answered.
func lifecycleUpgrade(s *cluster.Scenario, r *reads, tl *cluster.Timeline) {
	s.Eventually(cluster.Patience, "both replicas to mean the same", func() error {
		for range 10 {
			if got, err := s.External("queue_length"); err != nil || got != 16 {
				return fmt.Errorf("it is %v, %w", got, err)
			}
		}
		return nil
	})
	old := gaugewayPods(s)
	r.expect(16)
	tl.Mark("rolling upgrade")
	s.Kubectl("-n", systemNamespace, "patch", "deployment", "gaugeway", "-p", `{"spec":{"template":{"metadata":{"annotations":{"version":"next"}}}}}`)
	s.Kubectl("-n", systemNamespace, "rollout", "status", "deployment/gaugeway")
	awaitEnd(s, old)
	tl.Mark("upgraded")
	s.Wait(2 * time.Second)
	r.check(s, "upgrade")
}

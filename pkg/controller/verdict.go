package controller

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
)

// settling is how long an object may be newer than the configuration before
// the configuration is taken to have seen it.
const settling = 5 * time.Second

// maxMessage bounds the messages of statuses, in bytes.
const maxMessage = 1024

// A configuration is what is in use and what was found.
type configuration struct {
	inUse    map[string]inUseVersion // by kind/namespace/name
	findings map[string][]config.Finding
}

// An inUseVersion is the version of an object that is in use.
type inUseVersion struct {
	uid        types.UID
	generation int64
	spec       any // a pointer to its spec, read only
}

func newConfiguration(snapshot *config.Snapshot, findings []config.Finding) *configuration {
	c := &configuration{inUse: map[string]inUseVersion{}, findings: map[string][]config.Finding{}}
	if snapshot != nil {
		for _, s := range snapshot.Sources {
			c.inUse[s.Object()] = inUseVersion{uid: s.UID, generation: s.Generation, spec: &s.Spec}
		}
		for _, m := range snapshot.Metrics {
			c.inUse[m.Object()] = inUseVersion{uid: m.UID, generation: m.Generation, spec: &m.Spec}
		}
	}
	for _, f := range findings {
		c.findings[f.Object] = append(c.findings[f.Object], f)
	}
	return c
}

// A verdict is what the configuration says about an object of the cluster.
type verdict struct {
	// known: the configuration has seen this generation of the object. The rest
	// is meaningless if it has not.
	known    bool
	accepted bool
	// reason and message of the condition Accepted.
	reason, message string
	// spec in use, a pointer; nil for none.
	spec any
}

// judge returns what the configuration says about an object. remembered is
// what it said before, and is brought up to date.
func (c *configuration) judge(object string, uid types.UID, generation int64, remembered *judgement, now time.Time) verdict {
	inUse, used := c.inUse[object]
	var faults, warnings []config.Finding
	for _, f := range c.findings[object] {
		if f.Warning {
			warnings = append(warnings, f)
		} else {
			faults = append(faults, f)
		}
	}
	if len(faults) == 0 {
		return verdict{
			known:    used && inUse.uid == uid && inUse.generation == generation,
			accepted: true,
			reason:   v1alpha1.ReasonAccepted,
			message:  acceptedMessage(warnings),
			spec:     inUse.spec,
		}
	}
	v := verdict{
		known:   remembered.settled(c, generation, now),
		reason:  faults[0].Reason,
		message: faultMessage(faults),
		spec:    inUse.spec,
	}
	if v.reason == "" {
		v.reason = v1alpha1.ReasonInvalid
	}
	switch {
	case used && inUse.generation < generation:
		v.message += fmt.Sprintf(" (the last good version, generation %d, goes on)", inUse.generation)
	case used:
		v.message += " (the last good version goes on)"
	}
	return v
}

// A judgement remembers which generation of an object a configuration found
// fault with, because findings do not tell.
type judgement struct {
	configuration *configuration
	generation    int64
	newer         time.Time // when a newer generation was first seen; zero for none
}

// settled reports whether the faults that c found are those of a generation. A
// generation that appears while the configuration stays is a correction, most
// likely, that the configuration has not seen yet.
func (j *judgement) settled(c *configuration, generation int64, now time.Time) bool {
	switch {
	case j.configuration != c || j.generation == generation:
	case j.newer.IsZero():
		j.newer = now
		return false
	case now.Before(j.newer.Add(settling)):
		return false
	}
	*j = judgement{configuration: c, generation: generation}
	return true
}

func acceptedMessage(warnings []config.Finding) string {
	if len(warnings) == 0 {
		return "in use"
	}
	text := "in use; warning: " + findingText(warnings[0])
	if more := len(warnings) - 1; more > 0 {
		text += fmt.Sprintf("; and %d more warnings", more)
	}
	return bounded(text)
}

func faultMessage(faults []config.Finding) string {
	text := findingText(faults[0])
	if more := len(faults) - 1; more > 0 {
		text += fmt.Sprintf("; and %d more findings", more)
	}
	return bounded(text)
}

// findingText returns "field:line:column: message; cure", without what is not known.
func findingText(f config.Finding) string {
	var b strings.Builder
	if f.Field != "" {
		b.WriteString(f.Field)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line))
			if f.Column > 0 {
				b.WriteString(":" + strconv.Itoa(f.Column))
			}
		}
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Cure != "" {
		b.WriteString("; " + f.Cure)
	}
	return b.String()
}

// bounded cuts a text off that is longer than a status should hold.
func bounded(text string) string { return cut(text, maxMessage) }

// cut returns at most so many bytes of a text. What is no UTF-8 is replaced, as
// JSON does: else what is read back would differ from what was written.
func cut(text string, most int) string {
	const ellipsis = "…"
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= most {
		return text
	}
	end := most - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

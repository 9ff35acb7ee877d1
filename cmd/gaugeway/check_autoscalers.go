package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	kjson "sigs.k8s.io/json"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/doctor"
	"github.com/gaugeway/gaugeway/pkg/preset"
)

// autoscalerFindings holds the HorizontalPodAutoscalers of a folder against its
// metrics, by the rules of gaugeway doctor. It also returns, for each one that
// is as it should be, what it scales on.
func autoscalerFindings(documents []config.Autoscaler, snapshot *config.Snapshot, presets *preset.Set) (findings []config.Finding, ok []string) {
	declared := make([]v1alpha1.GatewayMetric, len(snapshot.Metrics))
	for i, m := range snapshot.Metrics {
		declared[i] = *m.GatewayMetric
	}
	// A metric that is not declared here may be another adapter's.
	o := doctor.AutoscalerOptions{External: doctor.Warning, Custom: doctor.Warning, Modules: presets.Modules()}
	for _, s := range snapshot.Sources {
		o.Sources = append(o.Sources, *s.GatewaySource)
	}
	for _, d := range documents {
		h, finding := decodeAutoscaler(d)
		if finding != nil {
			findings = append(findings, *finding)
			continue
		}
		for _, c := range doctor.CheckAutoscalers([]autoscalingv2.HorizontalPodAutoscaler{*h}, declared, o) {
			if c.Level == doctor.OK {
				ok = append(ok, c.Object+": ok, "+c.Message)
				continue
			}
			findings = append(findings, config.Finding{
				File: d.File, Line: d.Line, Object: c.Object, Field: c.Object, Message: c.Message, Cure: c.Cure, Warning: c.Level == doctor.Warning,
			})
		}
	}
	return findings, ok
}

// decodeAutoscaler decodes a document strictly, or says what is wrong with it.
func decodeAutoscaler(d config.Autoscaler) (*autoscalingv2.HorizontalPodAutoscaler, *config.Finding) {
	const version = "autoscaling/v2"
	var h autoscalingv2.HorizontalPodAutoscaler
	finding := &config.Finding{File: d.File, Line: d.Line}
	strict, err := kjson.UnmarshalStrict(d.JSON, &h)
	if err = errors.Join(append(strict, err)...); err != nil {
		finding.Message, finding.Cure = fmt.Sprintf("not a HorizontalPodAutoscaler of %s: %v", version, strings.ReplaceAll(err.Error(), "\n", ", ")), "correct the object"
		return nil, finding
	}
	if h.APIVersion != version {
		finding.Field, finding.Message, finding.Cure = "apiVersion", fmt.Sprintf("unknown version %q", h.APIVersion), "write apiVersion: "+version
		return nil, finding
	}
	h.Namespace = cmp.Or(h.Namespace, config.DefaultNamespace)
	return &h, nil
}

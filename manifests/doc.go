// Package manifests holds what is applied to a cluster: kustomize's base,
// components and overlays, the Helm chart whose templates are written from them,
// and examples. Its tests compare what both ways apply.
package manifests

//go:generate go run ../hack/chart

//go:build tools

package controlplane

// What the end-to-end tests build and run, so that go mod tidy keeps its sums.
import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	_ "k8s.io/kubectl/pkg/cmd"
)

// Package controlplane builds and runs a real Kubernetes control plane on the
// test's own network: etcd, kube-apiserver and kube-controller-manager with the
// stock HPA controller.
package controlplane

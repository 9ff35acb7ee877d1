package node

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// initialStatus is that of a pod whose containers are not there yet.
func (p *Pod) initialStatus(object *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = corev1.PodStatus{
		Phase:     corev1.PodPending,
		HostIP:    gatewayAddress,
		HostIPs:   []corev1.HostIP{{IP: gatewayAddress}},
		StartTime: ptr.To(metav1.Now()),
	}
	setCondition(&p.status, corev1.PodScheduled, true, "")
	setCondition(&p.status, corev1.PodReadyToStartContainers, false, "")
	setCondition(&p.status, corev1.PodInitialized, true, "")
	setCondition(&p.status, corev1.ContainersReady, false, "ContainersNotReady")
	setCondition(&p.status, corev1.PodReady, false, "ContainersNotReady")
	for _, c := range object.Spec.Containers {
		p.status.ContainerStatuses = append(p.status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Started: ptr.To(false),
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
		})
	}
}

// runningStatus is that of a pod whose containers were started.
func (p *Pod) runningStatus() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.Phase = corev1.PodRunning
	p.status.PodIP = p.sandbox.address
	p.status.PodIPs = []corev1.PodIP{{IP: p.sandbox.address}}
	setCondition(&p.status, corev1.PodReadyToStartContainers, true, "")
}

// refreshStatus computes what follows from the containers.
func (p *Pod) refreshStatus() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.containers == nil {
		return
	}
	ready := true
	p.status.ContainerStatuses = nil
	p.status.InitContainerStatuses = nil
	sidecars := len(p.containers) - len(p.object.Spec.Containers)
	for i, c := range p.containers {
		s := c.status()
		ready = ready && s.Ready
		if i < sidecars {
			p.status.InitContainerStatuses = append(p.status.InitContainerStatuses, s)
		} else {
			p.status.ContainerStatuses = append(p.status.ContainerStatuses, s)
		}
	}
	reason := "ContainersNotReady"
	setCondition(&p.status, corev1.ContainersReady, ready, reason)
	if p.readiness != nil {
		ready, reason = *p.readiness, "HeldByTest"
	}
	setCondition(&p.status, corev1.PodReady, ready, reason)
}

// writeStatus tells the API server what has changed. Where that fails, the
// next look tries again.
func (p *Pod) writeStatus(ctx context.Context) {
	p.mu.Lock()
	object, status := p.object, p.status.DeepCopy()
	known := equality.Semantic.DeepEqual(&p.written, status)
	p.mu.Unlock()
	if known {
		return
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": object.UID},
		"status":   status,
	})
	if err != nil {
		p.report("status: %v", err)
		return
	}
	_, err = p.node.Client.CoreV1().Pods(object.Namespace).Patch(ctx, object.Name,
		types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	gone := apierrors.IsNotFound(err) || apierrors.IsConflict(err)
	if err != nil && !gone {
		if ctx.Err() == nil {
			p.report("writing its status: %v", err)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = *status
}

// setCondition sets a condition; its transition time changes with its status.
func setCondition(status *corev1.PodStatus, kind corev1.PodConditionType, holds bool, reason string) {
	value := corev1.ConditionFalse
	if holds {
		value, reason = corev1.ConditionTrue, ""
	}
	c := condition(status, kind)
	if c == nil {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind})
		c = &status.Conditions[len(status.Conditions)-1]
	}
	if c.Status != value {
		c.Status, c.LastTransitionTime = value, metav1.Now()
	}
	c.Reason = reason
}

func condition(status *corev1.PodStatus, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

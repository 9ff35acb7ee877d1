package controller

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// announce records the events of what changed in an object's status: it is no
// longer accepted, for another reason than before, or accepted again; its data
// is gone, or back. An object that is accepted from the start, and data that
// comes for the first time, are no events.
func (r *reporter) announce(before, after client.Object) {
	b, a := outlineOf(before).conditions, outlineOf(after).conditions
	was, is := meta.FindStatusCondition(b, v1alpha1.ConditionAccepted), meta.FindStatusCondition(a, v1alpha1.ConditionAccepted)
	switch {
	case is == nil:
	case is.Status == metav1.ConditionTrue:
		if was != nil && was.Status != metav1.ConditionTrue {
			r.recorder.Event(after, corev1.EventTypeNormal, is.Reason, is.Message)
		}
	case was == nil || was.Status != is.Status || was.Reason != is.Reason || was.Message != is.Message:
		r.recorder.Event(after, corev1.EventTypeWarning, is.Reason, is.Message)
	}

	was, is = meta.FindStatusCondition(b, v1alpha1.ConditionFresh), meta.FindStatusCondition(a, v1alpha1.ConditionFresh)
	switch {
	case was == nil || is == nil:
	case !isLost(was.Reason) && isLost(is.Reason):
		r.recorder.Event(after, corev1.EventTypeWarning, is.Reason, is.Message)
	case isLost(was.Reason) && isFresh(is.Reason):
		message := is.Message
		if message == "" {
			message = "it answers again"
		}
		r.recorder.Event(after, corev1.EventTypeNormal, is.Reason, message)
	}
}

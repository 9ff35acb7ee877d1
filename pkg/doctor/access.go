package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// mostAsked limits the metrics whose access is asked for one by one.
const mostAsked = 20

// autoscalerUsers are the identities under which the controller of the
// autoscalers may read: its ServiceAccount, and the user of the whole
// kube-controller-manager where --use-service-account-credentials is off. The
// latter may list everything in any cluster, so that it says nothing where the
// controller does not use it.
var autoscalerUsers = [...]autoscalerUser{
	{"system:serviceaccount:kube-system:horizontal-pod-autoscaler", []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"}},
	{"system:kube-controller-manager", []string{"system:authenticated"}},
}

// An autoscalerUser is a user with the groups that it is in.
type autoscalerUser struct {
	user   string
	groups []string
}

// A wish is what the controller must be allowed: it lists an external metric,
// which is a resource, and gets a custom one, a subresource of what it is of.
type wish struct{ group, verb, resource string }

// access checks that the controller of the autoscalers may read both APIs.
func (e *examination) access(ctx context.Context) {
	users := e.autoscalerUsers(ctx)
	for _, group := range []string{externalGroup, customGroup} {
		if served, known := e.install.serves(group); e.owners[group] == foreign || known && !served {
			continue // another adapter brings its own
		}
		object := name("API", "", group)
		allowed, err := e.allowedAny(ctx, users, group)
		switch {
		case err == nil && allowed != "":
			e.ok(object, "%s may read it", allowed)
		case err == nil:
			message := "the controller of HorizontalPodAutoscalers may not read it as " + users[0].user
			if len(users) > 1 {
				message = "the controller of HorizontalPodAutoscalers may read it neither as " + users[0].user + " nor as " + users[1].user
			}
			e.add(Error, object, message, e.bindCure())
		default:
			e.accessByBindings(ctx, object, group, err)
		}
	}
}

// ownWishes are what a replica of gaugeway follows, and what its leader writes.
var ownWishes = [...]wish{
	{"", "list", "pods"},
	{"", "list", "services"},
	{"discovery.k8s.io", "list", "endpointslices"},
	{v1alpha1.GroupName, "list", "gatewaysources"},
	{v1alpha1.GroupName, "list", "gatewaymetrics"},
	{v1alpha1.GroupName, "patch", "gatewaysources/status"},
	{v1alpha1.GroupName, "patch", "gatewaymetrics/status"},
}

// ownAccess checks that gaugeway may do in the cluster what it has to. Where that
// may not be asked, the checks of the autoscalers' access say so.
func (e *examination) ownAccess(ctx context.Context) {
	if e.install.deployment == nil {
		return
	}
	account := cmp.Or(e.install.deployment.Spec.Template.Spec.ServiceAccountName, "default")
	user := fmt.Sprintf("system:serviceaccount:%s:%s", e.InstallNamespace, account)
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + e.InstallNamespace, "system:authenticated"}
	var lacking []string
	for _, w := range ownWishes {
		allowed, err := e.allowedAll(ctx, user, groups, []wish{w})
		if err != nil {
			return
		}
		if !allowed {
			lacking = append(lacking, w.verb+" on "+w.resource)
		}
	}
	if len(lacking) > 0 {
		e.add(Error, name("ServiceAccount", e.InstallNamespace, account),
			"it lacks "+strings.Join(lacking, ", ")+": gaugeway does not see what changes, or cannot say so, and no new replica gets ready",
			"apply the manifests of gaugeway again, which bind it to its ClusterRole")
	}
}

// autoscalerUsers returns the identities that the controller may have here: its
// ServiceAccount alone where there is one, because the kube-controller-manager
// makes it in order to use it.
func (e *examination) autoscalerUsers(ctx context.Context) []autoscalerUser {
	var account corev1.ServiceAccount
	if e.Reader.Get(ctx, client.ObjectKey{Namespace: "kube-system", Name: "horizontal-pod-autoscaler"}, &account) == nil {
		return autoscalerUsers[:1]
	}
	return autoscalerUsers[:]
}

// bindCure is the binding that the manifests bring.
func (e *examination) bindCure() string {
	return "kubectl create clusterrolebinding gaugeway-hpa-reader --clusterrole=gaugeway-metrics-reader --serviceaccount=kube-system:horizontal-pod-autoscaler" +
		" (where the control plane is managed and uses another user: --user=system:kube-controller-manager)"
}

// allowedAny returns which of some users may read the whole group or, where none may, all
// the metrics that are declared for it; empty: none.
func (e *examination) allowedAny(ctx context.Context, users []autoscalerUser, group string) (string, error) {
	for _, wishes := range [][]wish{wishesOf(group, "*"), e.declaredWishes(group)} {
		for _, u := range users {
			allowed, err := e.allowedAll(ctx, u.user, u.groups, wishes)
			if err != nil {
				return "", err
			}
			if allowed {
				return u.user, nil
			}
		}
	}
	return "", nil
}

// wishesOf returns what reading a metric, or with * any, takes.
func wishesOf(group, metric string) []wish {
	if group == externalGroup {
		return []wish{{group, "list", metric}}
	}
	return []wish{{group, "get", "*"}}
}

// declaredWishes returns what reading the declared metrics takes.
func (e *examination) declaredWishes(group string) []wish {
	var out []wish
	for i := range e.metrics {
		spec := &e.metrics[i].Spec
		switch {
		case group == externalGroup && spec.External != nil:
			out = append(out, wish{group, "list", spec.External.Name})
		case group == customGroup && spec.Pods != nil:
			out = append(out, wish{group, "get", "pods/" + spec.Pods.Name})
		case group == customGroup && spec.Object != nil:
			resource, _, _ := strings.Cut(spec.Object.Resource, ".")
			out = append(out, wish{group, "get", resource + "/" + spec.Object.Name})
		}
	}
	return out[:min(len(out), mostAsked)]
}

// allowedAll reports whether a user may do all of some wishes; not where there
// are none.
func (e *examination) allowedAll(ctx context.Context, user string, groups []string, wishes []wish) (bool, error) {
	for _, w := range wishes {
		resource, subresource, _ := strings.Cut(w.resource, "/")
		review, err := e.Reviews.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, Groups: groups,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: w.group, Version: "*", Verb: w.verb, Resource: resource, Subresource: subresource,
			},
		}}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		if !review.Status.Allowed {
			return false, nil
		}
	}
	return len(wishes) > 0, nil
}

// accessByBindings reads the ClusterRoleBindings where asking failed with err.
func (e *examination) accessByBindings(ctx context.Context, object, group string, err error) {
	var bindings rbacv1.ClusterRoleBindingList
	var roles rbacv1.ClusterRoleList
	if e.Reader.List(ctx, &bindings) != nil || e.Reader.List(ctx, &roles) != nil {
		e.unread(object, "create on subjectaccessreviews.authorization.k8s.io, or list on clusterroles and clusterrolebindings", err)
		return
	}
	reading := map[string]bool{}
	for _, r := range roles.Items {
		reading[r.Name] = slices.ContainsFunc(r.Rules, func(rule rbacv1.PolicyRule) bool { return reads(rule, wishesOf(group, "*")[0]) })
	}
	for _, b := range bindings.Items {
		if b.RoleRef.Kind != "ClusterRole" || !reading[b.RoleRef.Name] {
			continue
		}
		for _, s := range b.Subjects {
			if user := autoscaler(s); user != "" {
				e.ok(object, "%s may read it, by ClusterRoleBinding %s", user, b.Name)
				return
			}
		}
	}
	e.add(Warning, object, "no ClusterRoleBinding lets the controller of HorizontalPodAutoscalers read it (RoleBindings and other authorizers were not looked at)", e.bindCure())
}

// reads reports whether a rule allows a wish.
func reads(rule rbacv1.PolicyRule, w wish) bool {
	has := func(list []string, v string) bool { return slices.Contains(list, v) || slices.Contains(list, "*") }
	return has(rule.APIGroups, w.group) && has(rule.Verbs, w.verb) && has(rule.Resources, w.resource) && len(rule.ResourceNames) == 0
}

// autoscaler returns the controller's user that a subject stands for, or nothing.
func autoscaler(s rbacv1.Subject) string {
	for _, u := range autoscalerUsers {
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			if fmt.Sprintf("system:serviceaccount:%s:%s", s.Namespace, s.Name) == u.user {
				return u.user
			}
		case rbacv1.UserKind:
			if s.Name == u.user {
				return u.user
			}
		case rbacv1.GroupKind:
			if slices.Contains(u.groups, s.Name) {
				return u.user
			}
		}
	}
	return ""
}

package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lookInterval is how often the APIServices are looked at; a changed CA bundle
// is written at once.
const lookInterval = 30 * time.Second

// The labels of our APIServices, and what others say they are managed by.
const (
	labelName      = "app.kubernetes.io/name"
	labelManagedBy = "app.kubernetes.io/managed-by"
	helmRelease    = "meta.helm.sh/release-name"
	helmNamespace  = "meta.helm.sh/release-namespace"
)

const (
	servicePort          = 443
	groupPriorityMinimum = 100
)

// A version of an API group, and its priority within the group.
type version struct {
	name     string
	priority int32
}

// groupVersions are the versions that are served of each group.
var groupVersions = map[string][]version{
	"external.metrics.k8s.io": {{"v1beta1", 100}},
	"custom.metrics.k8s.io":   {{"v1beta1", 100}, {"v1beta2", 200}},
}

func knownGroups() []string { return slices.Sorted(maps.Keys(groupVersions)) }

// apiServices creates the APIServices that nobody has, keeps the CA bundle of
// those that are ours, and never writes one that is someone else's.
type apiServices struct {
	client      client.Client
	clock       clock.WithTicker
	log         logr.Logger
	outage      *outage
	owned       *prometheus.GaugeVec
	service     types.NamespacedName
	clusterRole string
	groups      []string
	caBundle    func() []byte
	// said is what was logged last, by the name of an APIService or a group.
	said map[string]string
}

// run looks at the APIServices until ctx is done.
func (a *apiServices) run(ctx context.Context) {
	ticker := a.clock.NewTicker(time.Second)
	defer ticker.Stop()
	retry := backoff{shortest: time.Second, longest: lookInterval}
	var due time.Time
	var written []byte
	for {
		bundle := a.caBundle()
		if now := a.clock.Now(); !now.Before(due) || !bytes.Equal(bundle, written) {
			due, written = now.Add(lookInterval), bundle
			if err := a.look(ctx, bundle); err != nil {
				due = now.Add(retry.next())
			} else {
				retry.reset()
			}
		}
		select {
		case <-ticker.C():
		case <-ctx.Done():
			return
		}
	}
}

// look looks at each group once. A group that fails does not hold up another.
func (a *apiServices) look(ctx context.Context, bundle []byte) error {
	var failures []error
	for _, group := range a.groups {
		err := a.group(ctx, group, bundle)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isAway(err):
			a.outage.begins(err)
		case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err): // someone was faster; the next look tells who
		default:
			a.outage.ends()
			a.say(group, errorText(err), func() { a.log.Error(err, "APIServices cannot be kept", "group", group) })
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// say logs something about a subject unless it was the last thing said. An
// empty text is nothing to say.
func (a *apiServices) say(subject, text string, log func()) {
	if a.said[subject] != text && text != "" {
		log()
	}
	a.said[subject] = text
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// group brings the APIServices of a group about. Where one of its versions is
// someone else's, none is created: clients read a group's preferred version,
// and half a group of ours would take the other half's readers away.
func (a *apiServices) group(ctx context.Context, group string, bundle []byte) error {
	var ours []*apiregistrationv1.APIService
	var absent []version
	foreign := false
	for _, v := range groupVersions[group] {
		s, err := a.get(ctx, v.name+"."+group)
		if err != nil {
			return err
		}
		problem := a.foreign(s)
		switch {
		case s == nil:
			absent = append(absent, v)
		case problem != "":
			foreign = true
			a.say(s.Name, problem, func() {
				a.log.Info("APIService is left alone; the other APIs are served", "apiService", s.Name, "problem", problem)
			})
		default:
			ours = append(ours, s)
			a.say(s.Name, "ours", func() { a.log.Info("APIService is ours", "apiService", s.Name) })
		}
		a.owned.WithLabelValues(v.name + "." + group).Set(float64(btoi(s != nil && problem == "")))
	}
	if len(bundle) == 0 {
		a.say(group+" bundle", "none", func() {
			a.log.Info("There is no CA to give to the APIServices; --tls-ca-file names that of --tls-cert-file", "group", group)
		})
		return nil
	}
	a.say(group+" bundle", "", nil)
	var failures []error
	for _, s := range ours {
		failures = append(failures, a.setBundle(ctx, s, bundle))
	}
	if !foreign {
		for _, v := range absent {
			failures = append(failures, a.create(ctx, group, v, bundle))
		}
	}
	return errors.Join(failures...)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// get returns an APIService, nil if there is none.
func (a *apiServices) get(ctx context.Context, name string) (*apiregistrationv1.APIService, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s := &apiregistrationv1.APIService{}
	err := a.client.Get(ctx, client.ObjectKey{Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get APIService %s: %w", name, err)
	}
	return s, nil
}

// foreign says in words why an APIService is not ours to write, and whose it
// is; empty where it is ours, and for none.
func (a *apiServices) foreign(s *apiregistrationv1.APIService) string {
	switch {
	case s == nil:
		return ""
	case s.Spec.Service == nil:
		return "it is served by the API server itself"
	case s.Spec.Service.Namespace != a.service.Namespace || s.Spec.Service.Name != a.service.Name:
		return "it belongs to the service " + owner(s)
	case s.Labels[labelName] != name:
		return fmt.Sprintf("it names our service, but has not the label %s=%s; add it", labelName, name)
	case s.Spec.InsecureSkipTLSVerify:
		return "it has insecureSkipTLSVerify, which anyone between the API server and gaugeway could make use of; remove it, the CA is filled in then"
	}
	return ""
}

// owner names the service behind an APIService and what installed it.
func owner(s *apiregistrationv1.APIService) string {
	text := s.Spec.Service.Namespace + "/" + s.Spec.Service.Name
	var by []string
	if release := s.Annotations[helmRelease]; release != "" {
		by = append(by, "Helm release "+strings.TrimPrefix(s.Annotations[helmNamespace]+"/"+release, "/"))
	} else if manager := s.Labels[labelManagedBy]; manager != "" {
		by = append(by, "managed by "+manager)
	}
	if product := s.Labels[labelName]; product != "" {
		by = append(by, labelName+"="+product)
	}
	if len(by) > 0 {
		text += " (" + strings.Join(by, ", ") + ")"
	}
	return text
}

// setBundle writes the CA bundle of an APIService of ours where it differs. It
// writes nothing if the APIService changed since it was read.
func (a *apiServices) setBundle(ctx context.Context, s *apiregistrationv1.APIService, bundle []byte) error {
	if bytes.Equal(s.Spec.CABundle, bundle) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s.Spec.CABundle = bundle
	if err := a.client.Update(ctx, s); err != nil {
		return fmt.Errorf("write the CA bundle of APIService %s: %w", s.Name, err)
	}
	a.log.Info("CA bundle of an APIService written", "apiService", s.Name)
	return nil
}

// create creates an APIService. It never replaces one.
func (a *apiServices) create(ctx context.Context, group string, v version, bundle []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	role := &rbacv1.ClusterRole{}
	err := a.client.Get(ctx, client.ObjectKey{Name: a.clusterRole}, role)
	if err == nil && role.DeletionTimestamp != nil || apierrors.IsNotFound(err) {
		// Nothing would ever collect the APIService; an uninstallation looks like this.
		return fmt.Errorf("create APIService %s.%s: there is no ClusterRole %s to own it; name it by --cluster-role", v.name, group, a.clusterRole)
	}
	if err != nil {
		return fmt.Errorf("get ClusterRole %s, which is to own the APIServices: %w", a.clusterRole, err)
	}
	s := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{
			Name:   v.name + "." + group,
			Labels: map[string]string{labelName: name, labelManagedBy: name},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: rbacv1.SchemeGroupVersion.String(),
				Kind:       "ClusterRole",
				Name:       role.Name,
				UID:        role.UID,
			}},
		},
		Spec: apiregistrationv1.APIServiceSpec{
			Service: &apiregistrationv1.ServiceReference{
				Namespace: a.service.Namespace,
				Name:      a.service.Name,
				Port:      ptr.To[int32](servicePort),
			},
			Group:                group,
			Version:              v.name,
			CABundle:             bundle,
			GroupPriorityMinimum: groupPriorityMinimum,
			VersionPriority:      v.priority,
		},
	}
	if err := a.client.Create(ctx, s); err != nil {
		return fmt.Errorf("create APIService %s: %w", s.Name, err)
	}
	a.owned.WithLabelValues(s.Name).Set(1)
	a.said[s.Name] = "ours"
	a.log.Info("APIService created", "apiService", s.Name)
	return nil
}

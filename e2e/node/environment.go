package node

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
	"k8s.io/utils/ptr"
)

// environment resolves the container's variables, as name=value.
func (c *Container) environment(ctx context.Context) (map[string]string, error) {
	env := map[string]string{
		"KUBERNETES_SERVICE_HOST": gatewayAddress,
		"KUBERNETES_SERVICE_PORT": "6443",
	}
	expand := expansion.MappingFuncFor(env)
	for _, v := range c.spec.Env {
		value := expansion.Expand(v.Value, expand)
		if v.ValueFrom != nil {
			var err error
			if value, err = c.valueFrom(ctx, v.ValueFrom); err != nil {
				return nil, fmt.Errorf("variable %s: %w", v.Name, err)
			}
		}
		env[v.Name] = value
	}
	return env, nil
}

// arguments are command and arguments with $(VARIABLES) replaced.
func (c *Container) arguments(env map[string]string) []string {
	expand := expansion.MappingFuncFor(env)
	all := slices.Concat(c.spec.Command, c.spec.Args)
	for i := range all {
		all[i] = expansion.Expand(all[i], expand)
	}
	return all
}

func (c *Container) valueFrom(ctx context.Context, from *corev1.EnvVarSource) (string, error) {
	object := c.pod.Object()
	client := c.pod.node.Client.CoreV1()
	switch {
	case from.FieldRef != nil:
		return c.pod.field(from.FieldRef.FieldPath)
	case from.ResourceFieldRef != nil:
		return c.resource(from.ResourceFieldRef)
	case from.SecretKeyRef != nil:
		s, err := client.Secrets(object.Namespace).Get(ctx, from.SecretKeyRef.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return string(s.Data[from.SecretKeyRef.Key]), nil
	case from.ConfigMapKeyRef != nil:
		m, err := client.ConfigMaps(object.Namespace).Get(ctx, from.ConfigMapKeyRef.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return m.Data[from.ConfigMapKeyRef.Key], nil
	default:
		return "", fmt.Errorf("the node does not know %v", from)
	}
}

// field resolves a field of the pod, as the downward API does.
func (p *Pod) field(path string) (string, error) {
	object := p.Object()
	switch path {
	case "status.podIP", "status.podIPs":
		return p.sandbox.address, nil
	case "status.hostIP", "status.hostIPs":
		return gatewayAddress, nil
	case "spec.nodeName":
		return object.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return object.Spec.ServiceAccountName, nil
	default:
		return fieldpath.ExtractFieldPathAsString(object, path)
	}
}

// resource resolves a request or a limit of the container, 0 where there is none.
func (c *Container) resource(from *corev1.ResourceFieldSelector) (string, error) {
	var value, divisor int64
	switch from.Resource {
	case "limits.memory":
		value, divisor = c.spec.Resources.Limits.Memory().Value(), from.Divisor.Value()
	case "requests.memory":
		value, divisor = c.spec.Resources.Requests.Memory().Value(), from.Divisor.Value()
	case "limits.cpu":
		value, divisor = c.spec.Resources.Limits.Cpu().MilliValue(), ptr.To(from.Divisor).MilliValue()
	case "requests.cpu":
		value, divisor = c.spec.Resources.Requests.Cpu().MilliValue(), ptr.To(from.Divisor).MilliValue()
	default:
		return "", fmt.Errorf("the node does not know the resource %s", from.Resource)
	}
	if divisor == 0 {
		divisor = 1
		if from.Resource == "limits.cpu" || from.Resource == "requests.cpu" {
			divisor = 1000
		}
	}
	return strconv.FormatInt((value+divisor-1)/divisor, 10), nil
}

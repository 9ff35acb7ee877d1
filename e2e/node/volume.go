package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// volumes are a pod's volumes, each a folder. A volume with content is updated
// as the kubelet does: files are links into a folder that is replaced as a whole.
type volumes struct {
	pod     *Pod
	dir     string
	content map[string]map[string]string // by volume, then by path
}

// path is the folder of a volume.
func (v *volumes) path(name string) string { return filepath.Join(v.dir, name) }

// changing says whether a volume's content can change.
func (v *volumes) changing() bool {
	for _, volume := range v.pod.Object().Spec.Volumes {
		if volume.Secret != nil || volume.ConfigMap != nil {
			return true
		}
	}
	return false
}

// follow updates the volumes until the pod ends.
func (v *volumes) follow(ctx context.Context, end <-chan struct{}) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-tick.C:
			_ = v.write(ctx) // what cannot be read stays as it was, as with a kubelet
		}
	}
}

// write writes all volumes. A service account's token is written once: it
// outlives every test.
func (v *volumes) write(ctx context.Context) error {
	if v.content == nil {
		v.content = map[string]map[string]string{}
	}
	for _, volume := range v.pod.Object().Spec.Volumes {
		if err := os.MkdirAll(v.path(volume.Name), 0o777); err != nil {
			return err
		}
		if volume.EmptyDir != nil {
			if err := os.Chmod(v.path(volume.Name), 0o777); err != nil { // whatever the umask
				return err
			}
			continue
		}
		if volume.Projected != nil && v.content[volume.Name] != nil {
			continue
		}
		content, err := v.read(ctx, &volume)
		if err != nil {
			return fmt.Errorf("volume %s: %w", volume.Name, err)
		}
		if maps.Equal(content, v.content[volume.Name]) {
			continue
		}
		if err := replace(v.path(volume.Name), content); err != nil {
			return err
		}
		v.content[volume.Name] = content
	}
	return nil
}

// read returns the content of a volume by path.
func (v *volumes) read(ctx context.Context, volume *corev1.Volume) (map[string]string, error) {
	content := map[string]string{}
	switch {
	case volume.Secret != nil:
		return content, v.secret(ctx, content, volume.Secret.SecretName, volume.Secret.Items, ptr.Deref(volume.Secret.Optional, false))
	case volume.ConfigMap != nil:
		return content, v.configMap(ctx, content, volume.ConfigMap.Name, volume.ConfigMap.Items, ptr.Deref(volume.ConfigMap.Optional, false))
	case volume.Projected != nil:
		for _, source := range volume.Projected.Sources {
			if err := v.project(ctx, content, &source); err != nil {
				return nil, err
			}
		}
		return content, nil
	default:
		return nil, fmt.Errorf("the node knows secret, configMap, projected and emptyDir volumes only")
	}
}

func (v *volumes) project(ctx context.Context, content map[string]string, source *corev1.VolumeProjection) error {
	switch {
	case source.Secret != nil:
		return v.secret(ctx, content, source.Secret.Name, source.Secret.Items, ptr.Deref(source.Secret.Optional, false))
	case source.ConfigMap != nil:
		return v.configMap(ctx, content, source.ConfigMap.Name, source.ConfigMap.Items, ptr.Deref(source.ConfigMap.Optional, false))
	case source.DownwardAPI != nil:
		for _, item := range source.DownwardAPI.Items {
			if item.FieldRef == nil {
				return fmt.Errorf("downwardAPI %s: only fieldRef is known", item.Path)
			}
			value, err := v.pod.field(item.FieldRef.FieldPath)
			if err != nil {
				return err
			}
			content[item.Path] = value
		}
		return nil
	case source.ServiceAccountToken != nil:
		return v.token(ctx, content, source.ServiceAccountToken)
	default:
		return fmt.Errorf("the node does not know the projection %v", source)
	}
}

func (v *volumes) token(ctx context.Context, content map[string]string, source *corev1.ServiceAccountTokenProjection) error {
	object := v.pod.Object()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: object.Name, UID: object.UID},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	answer, err := v.pod.node.Client.CoreV1().ServiceAccounts(object.Namespace).
		CreateToken(ctx, object.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	content[source.Path] = answer.Status.Token
	return nil
}

func (v *volumes) secret(ctx context.Context, content map[string]string, name string, items []corev1.KeyToPath, optional bool) error {
	s, err := v.pod.node.Client.CoreV1().Secrets(v.pod.Namespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		if optional {
			return nil
		}
		return err
	}
	data := map[string]string{}
	for key, value := range s.Data {
		data[key] = string(value)
	}
	return choose(content, data, items, optional)
}

func (v *volumes) configMap(ctx context.Context, content map[string]string, name string, items []corev1.KeyToPath, optional bool) error {
	m, err := v.pod.node.Client.CoreV1().ConfigMaps(v.pod.Namespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		if optional {
			return nil
		}
		return err
	}
	data := maps.Clone(m.Data)
	for key, value := range m.BinaryData {
		data[key] = string(value)
	}
	return choose(content, data, items, optional)
}

// choose adds data to content: all of it, or the items by their paths.
func choose(content, data map[string]string, items []corev1.KeyToPath, optional bool) error {
	if len(items) == 0 {
		maps.Copy(content, data)
		return nil
	}
	for _, item := range items {
		value, ok := data[item.Key]
		if !ok && !optional {
			return fmt.Errorf("it has no key %s", item.Key)
		}
		content[item.Path] = value
	}
	return nil
}

// replace puts files into a folder, all in one step: ..data links to a folder
// with the content, and each file links into ..data.
func replace(dir string, content map[string]string) error {
	fresh, err := os.MkdirTemp(dir, "..")
	if err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	for path, value := range content {
		file := filepath.Join(fresh, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			return err
		}
	}
	data := filepath.Join(dir, "..data")
	old, oldErr := os.Readlink(data)
	link := filepath.Join(dir, "..data_tmp")
	if err := os.Symlink(filepath.Base(fresh), link); err != nil {
		return err
	}
	if err := os.Rename(link, data); err != nil {
		return err
	}
	for path := range content {
		file := filepath.Join(dir, path)
		if _, err := os.Lstat(file); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		target, err := filepath.Rel(filepath.Dir(file), filepath.Join(data, path))
		if err != nil {
			return err
		}
		if err := os.Symlink(target, file); err != nil {
			return err
		}
	}
	if oldErr == nil {
		return os.RemoveAll(filepath.Join(dir, old))
	}
	return nil
}

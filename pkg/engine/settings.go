package engine

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/discover"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/scrape"
)

// Secrets holds what sources refer to.
type Secrets interface {
	// Secret returns a key of a Secret.
	Secret(namespace, name, key string) ([]byte, error)
	// ConfigMap returns a key of a ConfigMap.
	ConfigMap(namespace, name, key string) ([]byte, error)
}

// settings are a source's object, ready for use.
type settings struct {
	interval   time.Duration
	timeout    time.Duration
	format     exposition.Format
	preset     *preset.Preset // nil for none
	discoverer discover.Discoverer
	scraper    *scrape.Scraper
	materials  []scrape.Material // all that is read from Secrets and ConfigMaps
}

func (e *Engine) newSettings(src *v1alpha1.GatewaySource) (settings, error) {
	spec := src.Spec
	targets, err := e.discover(src)
	if err != nil {
		return settings{}, err
	}
	config := scrape.Config{
		Timeout:     spec.ScrapeTimeout.Duration,
		Compression: spec.EnableCompression != nil && *spec.EnableCompression,
		Params:      url.Values(spec.Params),
		Now:         e.clock.Now,
	}
	for _, p := range spec.ScrapeProtocols {
		config.Protocols = append(config.Protocols, scrape.Protocol(p))
	}
	if spec.BodySizeLimit != nil {
		config.BodySizeLimit = spec.BodySizeLimit.Value()
	}
	refs := references{secrets: e.secrets, namespace: src.Namespace}
	if t := spec.TLSConfig; t != nil {
		config.TLS = &scrape.TLS{
			CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName,
			CA: refs.either("tlsConfig.ca", t.CA), Cert: refs.either("tlsConfig.cert", t.Cert), Key: refs.secret("tlsConfig.keySecret", t.KeySecret),
		}
	}
	if a := spec.Authorization; a != nil {
		config.Authorization = &scrape.Authorization{
			Type: a.Type, CredentialsFile: a.CredentialsFile, Credentials: refs.secret("authorization.credentials", a.Credentials),
		}
	}
	if b := spec.BasicAuth; b != nil {
		config.BasicAuth = &scrape.BasicAuth{
			Username: b.Username, PasswordFile: b.PasswordFile, Password: refs.secret("basicAuth.password", b.Password),
		}
	}
	if refs.err != nil {
		return settings{}, refs.err
	}
	scraper, err := scrape.New(config)
	if err != nil {
		return settings{}, err
	}
	return settings{
		interval:   spec.Interval.Duration,
		timeout:    spec.ScrapeTimeout.Duration,
		format:     exposition.Format(spec.Format),
		preset:     e.presets.Load().Get(spec.Preset),
		discoverer: targets,
		scraper:    scraper,
		materials:  refs.materials,
	}, nil
}

// unread reports whether something that the source refers to is being read for
// the first time.
func (s settings) unread() bool {
	return slices.ContainsFunc(s.materials, func(m scrape.Material) bool {
		_, err := m()
		return errors.Is(err, discover.ErrNotRead)
	})
}

// problems returns why targets are missing, as far as the discoverer says so.
func (s settings) problems() []string {
	if d, ok := s.discoverer.(interface{ Problems() []string }); ok {
		return d.Problems()
	}
	return nil
}

// discoverStatic returns the targets of a source where there is no cluster.
func discoverStatic(src *v1alpha1.GatewaySource) (discover.Discoverer, error) {
	switch {
	case src.Spec.Pods != nil:
		return nil, needsCluster("spec.pods", "list URLs under spec.static")
	case src.Spec.Service != nil:
		return nil, needsCluster("spec.service", "list URLs under spec.static")
	}
	return discover.NewStatic(src)
}

func needsCluster(field, cure string) error {
	return fmt.Errorf("%s needs a cluster: run gaugeway in one, or %s", field, cure)
}

// references make a source's references to Secrets and ConfigMaps, which are of
// its own namespace, readable. err is the first that cannot be.
type references struct {
	secrets   Secrets
	namespace string
	materials []scrape.Material // all that were made
	err       error
}

// secret returns what reads a key of a Secret; nil where there is no reference.
func (r *references) secret(field string, k *v1alpha1.KeySelector) scrape.Material {
	if k == nil || r.lacks(field) {
		return nil
	}
	secrets, namespace, name, key := r.secrets, r.namespace, k.Name, k.Key
	return r.made(func() ([]byte, error) { return secrets.Secret(namespace, name, key) })
}

// either returns what reads a key of a Secret or of a ConfigMap.
func (r *references) either(field string, of *v1alpha1.SecretOrConfigMap) scrape.Material {
	switch {
	case of == nil:
		return nil
	case of.Secret != nil && of.ConfigMap != nil, of.Secret == nil && of.ConfigMap == nil:
		r.fail(errors.New("spec." + field + ": name one of secret and configMap"))
		return nil
	case of.Secret != nil:
		return r.secret(field, of.Secret)
	case r.lacks(field):
		return nil
	}
	secrets, namespace, name, key := r.secrets, r.namespace, of.ConfigMap.Name, of.ConfigMap.Key
	return r.made(func() ([]byte, error) { return secrets.ConfigMap(namespace, name, key) })
}

func (r *references) made(m scrape.Material) scrape.Material {
	r.materials = append(r.materials, m)
	return m
}

// lacks reports whether there is nothing that knows Secrets.
func (r *references) lacks(field string) bool {
	if r.secrets == nil {
		r.fail(needsCluster("spec."+field, "name a file"))
	}
	return r.secrets == nil
}

func (r *references) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

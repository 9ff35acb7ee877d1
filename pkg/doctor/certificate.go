package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expiresSoon is how long before its end a certificate that has not been
// renewed is worth a warning.
const expiresSoon = 7 * 24 * time.Hour

// certificates checks the caBundle of each of our APIServices, and the serving
// certificate against it.
func (e *examination) certificates(ctx context.Context) {
	if e.install.missing {
		return
	}
	chain := e.servingChain(ctx)
	for _, s := range e.install.apiServices {
		if s.Spec.InsecureSkipTLSVerify {
			continue // there is no caBundle then, and that was said
		}
		e.bundle(name("APIService", "", s.Name), s.Spec.CABundle, chain)
	}
}

// bundle checks what the API server trusts.
func (e *examination) bundle(object string, bundle []byte, chain []*x509.Certificate) {
	logs := fmt.Sprintf("kubectl -n %s logs deployment/%s | grep -i cabundle", e.InstallNamespace, installName)
	if len(bundle) == 0 {
		e.add(Error, object, "caBundle is empty, so that the API server does not trust gaugeway; its leader writes it", logs)
		return
	}
	cas, err := parseCertificates(bundle)
	if err != nil {
		e.add(Error, object, "caBundle: "+err.Error(), logs)
		return
	}
	roots, valid := x509.NewCertPool(), 0
	var last time.Time
	for _, ca := range cas {
		roots.AddCert(ca)
		if !e.now.Before(ca.NotBefore) && e.now.Before(ca.NotAfter) {
			valid++
		}
		if ca.NotAfter.After(last) {
			last = ca.NotAfter
		}
	}
	if valid == 0 {
		e.add(Error, object, "caBundle: no certificate in it is valid now; the last one ends at "+day(last), logs)
		return
	}
	if len(chain) == 0 {
		e.ok(object, "caBundle is valid until %s", day(last))
		return
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: e.now}); err != nil && !expired(chain[0], e.now) {
		e.add(Error, object, "caBundle does not verify the serving certificate: "+err.Error(), logs)
		return
	}
	e.ok(object, "caBundle is valid until %s and verifies the serving certificate", day(last))
}

// servingChain reads and checks the certificate that gaugeway serves with, the
// leaf first; nil where it cannot be read.
func (e *examination) servingChain(ctx context.Context) []*x509.Certificate {
	secret := e.install.servingSecret()
	if secret == "" {
		e.add(Skipped, name("Secret", e.InstallNamespace, "?"), "could not check: --tls-cert-file names no mounted Secret", "")
		return nil
	}
	object := name("Secret", e.InstallNamespace, secret)
	var s corev1.Secret
	err := e.Reader.Get(ctx, client.ObjectKey{Namespace: e.InstallNamespace, Name: secret}, &s)
	switch {
	case apierrors.IsNotFound(err):
		e.add(Error, object, "not found: gaugeway has no serving certificate",
			fmt.Sprintf("kubectl -n %s logs deployment/%s | grep -i certificate", e.InstallNamespace, installName))
		return nil
	case err != nil:
		e.unread(object, fmt.Sprintf("get on the secret %s in %s", secret, e.InstallNamespace), err)
		return nil
	}
	again := fmt.Sprintf("kubectl -n %s delete secret %s, and gaugeway makes it again", e.InstallNamespace, secret)
	if _, given := e.install.flag("tls-cert-file"); given {
		again = fmt.Sprintf("renew it where it comes from: kubectl -n %s describe secret %s", e.InstallNamespace, secret)
	}
	chain, err := parseCertificates(s.Data[corev1.TLSCertKey])
	if err != nil {
		e.add(Error, object, corev1.TLSCertKey+": "+err.Error(), again)
		return nil
	}
	leaf := chain[0]
	switch err := leaf.VerifyHostname(e.dnsName()); {
	case expired(leaf, e.now):
		e.add(Error, object, fmt.Sprintf("the serving certificate is valid from %s to %s only", day(leaf.NotBefore), day(leaf.NotAfter)), again)
	case err != nil:
		e.add(Error, object, fmt.Sprintf("the serving certificate is for %s, and the API server expects %s", strings.Join(leaf.DNSNames, ", "), e.dnsName()),
			"have it carry the DNS name "+e.dnsName())
	case leaf.NotAfter.Sub(e.now) < expiresSoon:
		e.add(Warning, object, "the serving certificate ends at "+day(leaf.NotAfter)+" and has not been renewed", again)
	default:
		e.ok(object, "the serving certificate is for %s, valid until %s", e.dnsName(), day(leaf.NotAfter))
	}
	return chain
}

func expired(c *x509.Certificate, now time.Time) bool {
	return now.Before(c.NotBefore) || !now.Before(c.NotAfter)
}

// parseCertificates reads the certificates of a PEM text, at least one.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate that cannot be read: %w", err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it holds no certificate")
	}
	return out, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

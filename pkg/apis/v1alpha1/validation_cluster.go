package v1alpha1

import "k8s.io/apimachinery/pkg/util/validation/field"

// ValidateInCluster checks what a source of the cluster may not do although a
// file may, beside Validate: whoever may write a GatewaySource in one namespace
// must not reach anything beyond it through gaugeway.
//
//   - It may not list URLs, because anything can be named by a URL, unless
//     allowStatic says that gaugeway runs with --allow-static.
//   - It may never name a file: gaugeway would send the content of its own files,
//     such as its service account's token, to the source's pods.
//
// Each error is of type Forbidden; ReasonNotAllowed is the reason for a condition.
func (s *GatewaySource) ValidateInCluster(allowStatic bool) field.ErrorList {
	at := field.NewPath("spec")
	var errs field.ErrorList
	if s.Spec.Static != nil && !allowStatic {
		errs = append(errs, field.Forbidden(at.Child("static"), "a source of the cluster may not list URLs; select pods or a service, or have gaugeway started with --allow-static"))
	}
	file := func(path, cure string, at *field.Path) {
		if path != "" {
			errs = append(errs, field.Forbidden(at, "a source of the cluster may not name files of gaugeway's; "+cure))
		}
	}
	if tls := s.Spec.TLSConfig; tls != nil {
		at := at.Child("tlsConfig")
		file(tls.CAFile, "use ca: {secret: {name: ..., key: ...}} or ca: {configMap: {name: ..., key: ...}}", at.Child("caFile"))
		file(tls.CertFile, "use cert: {secret: {name: ..., key: ...}}", at.Child("certFile"))
		file(tls.KeyFile, "use keySecret: {name: ..., key: ...}", at.Child("keyFile"))
	}
	if auth := s.Spec.Authorization; auth != nil {
		file(auth.CredentialsFile, "use credentials: {name: ..., key: ...} of a Secret", at.Child("authorization", "credentialsFile"))
	}
	if basic := s.Spec.BasicAuth; basic != nil {
		file(basic.PasswordFile, "use password: {name: ..., key: ...} of a Secret", at.Child("basicAuth", "passwordFile"))
	}
	return errs
}

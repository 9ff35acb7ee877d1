package v1alpha1

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateTLSConfig(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	tls := spec.TLSConfig
	if tls == nil {
		return nil
	}
	var errs field.ErrorList
	errs = append(errs, validateReferenceOrFile(tls.CA, tls.CAFile, "ca", "caFile", at)...)
	errs = append(errs, validateReferenceOrFile(tls.Cert, tls.CertFile, "cert", "certFile", at)...)
	if tls.KeySecret != nil {
		errs = append(errs, validateKeySelector(tls.KeySecret, at.Child("keySecret"))...)
		if tls.KeyFile != "" {
			errs = append(errs, field.Forbidden(at.Child("keyFile"), "keySecret is given too; remove one of them"))
		}
	}
	cert, key := tls.Cert != nil || tls.CertFile != "", tls.KeySecret != nil || tls.KeyFile != ""
	switch {
	case cert && !key && tls.CertFile != "":
		errs = append(errs, field.Required(at.Child("keyFile"), "a client certificate needs its key; name the file of the key or remove certFile"))
	case cert && !key:
		errs = append(errs, field.Required(at.Child("keySecret"), "a client certificate needs its key; write keySecret: {name: ..., key: ...} or remove cert"))
	case key && !cert && tls.KeyFile != "":
		errs = append(errs, field.Required(at.Child("certFile"), "a client key needs its certificate; name the file of the certificate or remove keyFile"))
	case key && !cert:
		errs = append(errs, field.Required(at.Child("cert"), "a client key needs its certificate; write cert: {secret: {name: ..., key: ...}} or remove keySecret"))
	}
	return append(errs, validateTLSUsed(spec, at)...)
}

// validateTLSUsed refuses TLS settings that no target would use.
func validateTLSUsed(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	if static := spec.Static; static != nil {
		if len(static.URLs) > 0 && !slices.ContainsFunc(static.URLs, isHTTPS) {
			return field.ErrorList{field.Forbidden(at, "no URL is https, so it would not be used; write https:// or remove it")}
		}
		return nil
	}
	if spec.Scheme == SchemeHTTP {
		return field.ErrorList{field.Forbidden(at, "the scheme is http, so it would not be used; write scheme: https or remove it")}
	}
	return nil
}

func validateReferenceOrFile(reference *SecretOrConfigMap, file, name, fileName string, at *field.Path) field.ErrorList {
	if reference == nil {
		return nil
	}
	var errs field.ErrorList
	if file != "" {
		errs = append(errs, field.Forbidden(at.Child(fileName), name+" is given too; remove one of them"))
	}
	at = at.Child(name)
	if (reference.Secret == nil) == (reference.ConfigMap == nil) {
		return append(errs, field.Invalid(at, "", "names none or two of secret and configMap; write exactly one, such as secret: {name: ..., key: ...}"))
	}
	if reference.Secret != nil {
		return append(errs, validateKeySelector(reference.Secret, at.Child("secret"))...)
	}
	return append(errs, validateKeySelector(reference.ConfigMap, at.Child("configMap"))...)
}

func validateKeySelector(selector *KeySelector, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if selector.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "the object is found by its name; write {name: ..., key: ...}"))
	} else {
		errs = append(errs, validateObjectName(selector.Name, at.Child("name"))...)
	}
	if selector.Key == "" {
		errs = append(errs, field.Required(at.Child("key"), "one key of the object's data is used; write {name: ..., key: ...}"))
	} else if len(validation.IsConfigMapKey(selector.Key)) > 0 {
		errs = append(errs, field.Invalid(at.Child("key"), selector.Key, "not a key of a Secret or ConfigMap; use letters, digits, -, _ and ., at most 253"))
	}
	return errs
}

func validateCredentials(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if auth := spec.Authorization; auth != nil {
		at := at.Child("authorization")
		if strings.EqualFold(auth.Type, "Basic") {
			errs = append(errs, field.Invalid(at.Child("type"), auth.Type, "would need encoded credentials; use basicAuth: {username: ..., passwordFile: ...}"))
		} else if !token.MatchString(auth.Type) {
			errs = append(errs, field.Invalid(at.Child("type"), auth.Type, "not one word of letters, digits and dashes; write Bearer or leave it out"))
		}
		errs = append(errs, validateSecretOrFile(auth.Credentials, auth.CredentialsFile, "credentials", "credentialsFile", "there is nothing to send", at)...)
	}
	if basic := spec.BasicAuth; basic != nil {
		at := at.Child("basicAuth")
		if basic.Username == "" {
			errs = append(errs, field.Required(at.Child("username"), "there is nobody to sign in as; write the user's name"))
		} else if strings.Contains(basic.Username, ":") {
			errs = append(errs, field.Invalid(at.Child("username"), basic.Username, "a colon ends the user's name in basic authentication; use a name without one"))
		}
		errs = append(errs, validateSecretOrFile(basic.Password, basic.PasswordFile, "password", "passwordFile", "there is no password", at)...)
		if spec.Authorization != nil {
			errs = append(errs, field.Forbidden(at, "authorization is given too and a request has one Authorization header; remove one of them"))
		}
	}
	return errs
}

// validateSecretOrFile checks that exactly one says where a secret is; missing
// is the message for none.
func validateSecretOrFile(secret *KeySelector, file, name, fileName, missing string, at *field.Path) field.ErrorList {
	switch {
	case secret == nil && file == "":
		return field.ErrorList{field.Required(at.Child(fileName), missing+"; name the file that holds it or, in a cluster, the key of a Secret in "+name+": {name: ..., key: ...}")}
	case secret == nil:
		return nil
	}
	errs := validateKeySelector(secret, at.Child(name))
	if file != "" {
		errs = append(errs, field.Forbidden(at.Child(fileName), name+" is given too; remove one of them"))
	}
	return errs
}

// token is one word of a header, such as Bearer.
var token = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

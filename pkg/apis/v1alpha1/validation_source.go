package v1alpha1

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateStatic(static *StaticTargets, at *field.Path) field.ErrorList {
	if static == nil {
		return field.ErrorList{field.Required(at, "nothing says what to scrape; write static: {urls: [http://host:port/metrics]}")}
	}
	at = at.Child("urls")
	if len(static.URLs) == 0 {
		return field.ErrorList{field.Required(at, "there is nothing to scrape; list at least one URL, such as http://host:port/metrics")}
	}
	var errs field.ErrorList
	first := map[string]int{}
	for i, raw := range static.URLs {
		at := at.Index(i)
		if before, twice := first[raw]; twice {
			errs = append(errs, field.Invalid(at, masked(raw), fmt.Sprintf("the same as urls[%d], which would count it twice; remove one", before)))
			continue
		}
		first[raw] = i
		if problem := urlProblem(raw); problem != "" {
			errs = append(errs, field.Invalid(at, masked(raw), problem))
		}
	}
	return errs
}

// urlProblem says what makes a URL unfit for scraping, and the cure; empty for nothing.
func urlProblem(raw string) string {
	const example = "such as http://host:port/metrics"
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "not a URL; write an absolute one, " + example
	case u.Scheme != "http" && u.Scheme != "https":
		return "does not begin with http:// or https://; write an absolute URL, " + example
	case u.Hostname() == "":
		return "has no host; write an absolute URL, " + example
	case u.User != nil:
		return "contains a user or a password, which logs would show; use basicAuth or authorization"
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return "has a fragment, which is never sent; remove everything from # on"
	case u.RawQuery != "" && strings.Contains(u.RawQuery, ";"):
		return "has a semicolon in its query, which servers read in different ways; write &"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "has no such port; choose 1 to 65535"
		}
	}
	return ""
}

// masked returns a URL without its user info, also where it does not parse.
func masked(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.User == nil {
		return raw
	}
	rest, at := raw, strings.LastIndexByte(raw, '@')
	if at < 0 {
		return raw
	}
	scheme := ""
	if i := strings.Index(rest[:at], "//"); i >= 0 {
		scheme = rest[:i+2]
	}
	return scheme + "***" + raw[at:]
}

func isHTTPS(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https"
}

func validateTimes(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	if spec.Interval == nil || spec.ScrapeTimeout == nil {
		return nil // SetDefaults fills both
	}
	var errs field.ErrorList
	interval, timeout := spec.Interval.Duration, spec.ScrapeTimeout.Duration
	if interval < MinInterval || interval > MaxInterval {
		errs = append(errs, field.Invalid(at.Child("interval"), interval.String(), "out of range; choose 1s to 5m, such as 5s"))
	}
	if timeout <= 0 {
		errs = append(errs, field.Invalid(at.Child("scrapeTimeout"), timeout.String(), "not longer than 0; choose a time up to the interval, such as 2s"))
	} else if timeout > interval {
		errs = append(errs, field.Invalid(at.Child("scrapeTimeout"), timeout.String(), "longer than the interval of "+interval.String()+"; shorten it or lengthen the interval"))
	}
	return errs
}

func validateProtocols(protocols []ScrapeProtocol, at *field.Path) field.ErrorList {
	known := []ScrapeProtocol{PrometheusProto, OpenMetricsText1_0_0, OpenMetricsText0_0_1, PrometheusText1_0_0, PrometheusText0_0_4}
	var errs field.ErrorList
	for i, p := range protocols {
		switch {
		case !slices.Contains(known, p):
			errs = append(errs, field.NotSupported(at.Index(i), p, known))
		case slices.Contains(protocols[:i], p):
			errs = append(errs, field.Invalid(at.Index(i), p, "listed twice; remove one"))
		}
	}
	return errs
}

func validateTLSConfig(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	tls := spec.TLSConfig
	if tls == nil {
		return nil
	}
	var errs field.ErrorList
	if tls.CertFile != "" && tls.KeyFile == "" {
		errs = append(errs, field.Required(at.Child("keyFile"), "a client certificate needs its key; name the file of the key or remove certFile"))
	}
	if tls.KeyFile != "" && tls.CertFile == "" {
		errs = append(errs, field.Required(at.Child("certFile"), "a client key needs its certificate; name the file of the certificate or remove keyFile"))
	}
	if static := spec.Static; static != nil && len(static.URLs) > 0 && !slices.ContainsFunc(static.URLs, isHTTPS) {
		errs = append(errs, field.Forbidden(at, "no URL is https, so it would not be used; write https:// or remove it"))
	}
	return errs
}

func validateCredentials(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if auth := spec.Authorization; auth != nil {
		at := at.Child("authorization")
		if strings.EqualFold(auth.Type, "Basic") {
			errs = append(errs, field.Invalid(at.Child("type"), auth.Type, "would need encoded credentials; use basicAuth: {username: ..., passwordFile: ...}"))
		} else if !isToken(auth.Type) {
			errs = append(errs, field.Invalid(at.Child("type"), auth.Type, "not one word of letters, digits and dashes; write Bearer or leave it out"))
		}
		if auth.CredentialsFile == "" {
			errs = append(errs, field.Required(at.Child("credentialsFile"), "there is nothing to send; name the file that holds the credentials"))
		}
	}
	if basic := spec.BasicAuth; basic != nil {
		at := at.Child("basicAuth")
		if basic.Username == "" {
			errs = append(errs, field.Required(at.Child("username"), "there is nobody to sign in as; write the user's name"))
		} else if strings.Contains(basic.Username, ":") {
			errs = append(errs, field.Invalid(at.Child("username"), basic.Username, "a colon ends the user's name in basic authentication; use a name without one"))
		}
		if basic.PasswordFile == "" {
			errs = append(errs, field.Required(at.Child("passwordFile"), "there is no password; name the file that holds it"))
		}
		if spec.Authorization != nil {
			errs = append(errs, field.Forbidden(at, "authorization is given too and a request has one Authorization header; remove one of them"))
		}
	}
	return errs
}

func validateAllowedNamespaces(s *GatewaySource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, allowed := range s.Spec.AllowedNamespaces {
		at := at.Index(i)
		switch {
		case allowed.Name == "":
			errs = append(errs, field.Required(at.Child("name"), "an entry needs a namespace; write {name: ...}"))
		case allowed.Name == s.Namespace:
			errs = append(errs, field.Invalid(at.Child("name"), allowed.Name, "the source's own namespace may always use it, without limits; remove the entry"))
		case seen[allowed.Name]:
			errs = append(errs, field.Invalid(at.Child("name"), allowed.Name, "listed twice; merge the two entries"))
		default:
			errs = append(errs, validateNamespaceName(allowed.Name, at.Child("name"))...)
		}
		seen[allowed.Name] = true
		for _, label := range sortedKeys(allowed.Matchers) {
			at := at.Child("matchers").Key(label)
			if label == "" {
				errs = append(errs, field.Invalid(at, label, "a matcher needs a label; write label: [value]"))
			} else if len(allowed.Matchers[label]) == 0 {
				errs = append(errs, field.Required(at, "no value may be seen, which hides every series; list the values or remove the label"))
			}
		}
	}
	return errs
}

// isToken reports whether s is one or more ASCII letters, digits and dashes.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}

func sortedKeys(m map[string][]string) []string {
	return slices.Sorted(maps.Keys(m))
}

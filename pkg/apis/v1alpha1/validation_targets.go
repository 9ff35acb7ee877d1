package v1alpha1

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateTargets checks what says where to scrape: exactly one of three.
func validateTargets(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	var (
		errs  field.ErrorList
		given []string
	)
	if pods := spec.Pods; pods != nil {
		given = append(given, "pods")
		at := at.Child("pods")
		errs = append(errs, validateSelector(&pods.Selector, at.Child("selector"))...)
		errs = append(errs, validatePort(pods.Port, at.Child("port"))...)
		errs = append(errs, validatePath(pods.Path, at.Child("path"))...)
	}
	if service := spec.Service; service != nil {
		given = append(given, "service")
		at := at.Child("service")
		if service.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "a Service is found by its name; write service: {name: ..., port: ...}"))
		} else {
			errs = append(errs, validateObjectName(service.Name, at.Child("name"))...)
		}
		errs = append(errs, validatePort(service.Port, at.Child("port"))...)
		errs = append(errs, validatePath(service.Path, at.Child("path"))...)
	}
	if spec.Static != nil {
		given = append(given, "static")
		errs = append(errs, validateStatic(spec.Static, at.Child("static"))...)
	}
	switch {
	case len(given) == 0:
		errs = append(errs, field.Required(at, "nothing says what to scrape; write pods: {selector: {matchLabels: {...}}, port: ...}, service: {name: ..., port: ...} or static: {urls: [http://host:port/metrics]}"))
	case len(given) > 1:
		errs = append(errs, field.Forbidden(at.Child(given[1]), given[0]+" is given too and a source scrapes one kind of targets; remove one or make two sources"))
	}
	return append(errs, validateScheme(spec, at.Child("scheme"))...)
}

func validateScheme(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	switch {
	case spec.Scheme == "" && spec.Static != nil:
		return nil
	case spec.Scheme != SchemeHTTP && spec.Scheme != SchemeHTTPS:
		return field.ErrorList{field.NotSupported(at, spec.Scheme, []Scheme{SchemeHTTP, SchemeHTTPS})}
	case spec.Static != nil && spec.Pods == nil && spec.Service == nil:
		return field.ErrorList{field.Forbidden(at, "static URLs have their own scheme; remove it")}
	}
	return nil
}

// validateSelector translates what the API machinery finds, which names no cure.
func validateSelector(selector *metav1.LabelSelector, at *field.Path) field.ErrorList {
	errs := validation.ValidateLabelSelector(selector, validation.LabelSelectorValidationOptions{}, at)
	for _, err := range errs {
		switch detail := strings.ReplaceAll(err.Detail, "; ", ", "); err.Type {
		case field.ErrorTypeRequired:
			err.Detail = "operators In and NotIn need values; write values: [...]"
		case field.ErrorTypeForbidden:
			err.Detail = "operators Exists and DoesNotExist take no values; remove them"
		default:
			if strings.HasSuffix(err.Field, ".operator") {
				err.Detail = "not an operator; write In, NotIn, Exists or DoesNotExist"
			} else {
				err.Detail = detail + "; write it as the pods have it"
			}
		}
	}
	return errs
}

func validatePort(port intstr.IntOrString, at *field.Path) field.ErrorList {
	if port.Type == intstr.Int {
		if len(utilvalidation.IsValidPortNum(int(port.IntVal))) > 0 {
			return field.ErrorList{field.Invalid(at, port.IntVal, "not a port; write 1 to 65535 or the name of a port, such as metrics")}
		}
		return nil
	}
	if port.StrVal == "" {
		return field.ErrorList{field.Required(at, "a target is scraped at a port; write its number or its name, such as metrics")}
	}
	if _, err := strconv.Atoi(port.StrVal); err == nil {
		return field.ErrorList{field.Invalid(at, port.StrVal, "a number in quotes is read as a name; write it without quotes")}
	}
	if len(utilvalidation.IsValidPortName(port.StrVal)) > 0 {
		return field.ErrorList{field.Invalid(at, port.StrVal, "not the name of a port; use at most 15 lowercase letters, digits and -, with a letter in it, or write a number")}
	}
	return nil
}

// validatePath checks a path after SetDefaults. One that begins with // is
// refused because, resolved as a reference, it would name another host.
func validatePath(path string, at *field.Path) field.ErrorList {
	switch _, err := url.Parse(path); {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return field.ErrorList{field.Invalid(at, path, "does not begin with one /; write a path, such as /metrics")}
	case strings.Contains(path, "?"):
		return field.ErrorList{field.Invalid(at, path, "contains a query; write it as params: {name: [value]}")}
	case strings.Contains(path, "#"):
		return field.ErrorList{field.Invalid(at, path, "has a fragment, which is never sent; remove everything from # on")}
	case err != nil || strings.ContainsAny(path, " \t\r\n\f\v"):
		return field.ErrorList{field.Invalid(at, path, "not a path; write special characters as %XX")}
	case len(path) > MaxPathBytes:
		return field.ErrorList{{
			Type:   field.ErrorTypeTooLong,
			Field:  at.String(),
			Detail: fmt.Sprintf("%d bytes, and at most %d are allowed; shorten it", len(path), MaxPathBytes),
		}}
	}
	return nil
}

func validateStatic(static *StaticTargets, at *field.Path) field.ErrorList {
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

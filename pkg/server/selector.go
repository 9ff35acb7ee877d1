package server

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
)

// metricSelectorParameter of a request selects elements by their labels.
const metricSelectorParameter = "metricLabelSelector"

// buildHandlerChain is the library's, with a check that its handlers lack:
// after a request was authorized and before it is answered.
func buildHandlerChain(handler http.Handler, config *genericapiserver.Config) http.Handler {
	return genericapiserver.DefaultBuildHandlerChain(checkMetricSelector(handler), config)
}

// checkMetricSelector answers 400 to a selector of elements that cannot be
// parsed, as the library does for selectors of objects. It would answer 500 and
// log an error.
func checkMetricSelector(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			handler.ServeHTTP(w, r)
			return
		}
		selector := r.URL.Query().Get(metricSelectorParameter)
		if _, err := labels.Parse(selector); err != nil {
			bad := apierrors.NewBadRequest(fmt.Sprintf("%s %q: %v", metricSelectorParameter, selector, err))
			responsewriters.ErrorNegotiated(bad, apiserver.Codecs, schema.GroupVersion{Version: "v1"}, w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

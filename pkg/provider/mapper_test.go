package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// TestKindsWithDynamicMapper: a group, and a resource of a group that was known
// before, are found once they are installed.
func TestKindsWithDynamicMapper(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	groups := map[string][]metav1.APIResource{} // by group
	install := func(group, resource, kind string) {
		mu.Lock()
		defer mu.Unlock()
		groups[group] = append(groups[group], metav1.APIResource{Name: resource, Kind: kind, Namespaced: true})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		var answer any
		group, isVersion := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/v1")
		switch {
		case r.URL.Path == "/api":
			answer = metav1.APIVersions{Versions: []string{"v1"}}
		case r.URL.Path == "/api/v1":
			answer = metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "services", SingularName: "service", Kind: "Service", Namespaced: true}}}
		case r.URL.Path == "/apis":
			var list metav1.APIGroupList
			for name := range groups {
				version := metav1.GroupVersionForDiscovery{GroupVersion: name + "/v1", Version: "v1"}
				list.Groups = append(list.Groups, metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version})
			}
			answer = list
		case isVersion && groups[group] != nil:
			answer = metav1.APIResourceList{GroupVersion: group + "/v1", APIResources: groups[group]}
		default:
			http.NotFound(w, r)
			return
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, QPS: -1}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		t.Fatal(err)
	}
	r := fresh(item(3, "route", "checkout"))
	c := newCluster(
		objectEntry("shop", "a", "services", r),
		objectEntry("shop", "b", routes, r),
		objectEntry("shop", "c", "grpcroutes.gateway.networking.k8s.io", r),
	)
	c.kinds.mapper = mapper
	check := func(want ...string) {
		t.Helper()
		c.step(true)
		for i, e := range c.board.All() {
			got := ask(c.Provider, request{"shop", e.Object.Resource, "checkout", e.Object.Name, "", ""})
			if !strings.Contains(got, want[i]) {
				t.Errorf("got %s, want %q in it", got, want[i])
			}
		}
	}
	check("v1 Service shop/checkout", "the API server knows no resource", "the API server knows no resource")
	install("gateway.networking.k8s.io", "httproutes", "HTTPRoute")
	check("v1 Service shop/checkout", "v1 HTTPRoute shop/checkout", "the API server knows no resource")
	install("gateway.networking.k8s.io", "grpcroutes", "GRPCRoute")
	check("v1 Service shop/checkout", "v1 HTTPRoute shop/checkout", "v1 GRPCRoute shop/checkout")
	server.Close()
	check("v1 Service shop/checkout", "v1 HTTPRoute shop/checkout", "v1 GRPCRoute shop/checkout")
}

// Command floor is the least that an adapter on the library
// sigs.k8s.io/custom-metrics-apiserver can do: a provider that answers each
// metric with a constant. It is what gaugeway's reads are compared with.
//
// It is a module of its own, because the library's Kubernetes is not the one
// that the end-to-end tests build. Everything but the provider is the library's
// recommended configuration, with a bearer token as the only way in.
package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/rest"
	openapicommon "k8s.io/kube-openapi/pkg/common"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	openapicore "sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/core"
	openapiexternal "sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/externalmetrics"
)

func main() { os.Exit(run()) }

func run() int {
	var o options
	flag.StringVar(&o.address, "address", "127.0.0.1:0", "where to listen")
	flag.StringVar(&o.answers, "answers", "", "JSON file: the name of each metric and the ExternalMetricValueList that it answers")
	flag.StringVar(&o.cert, "cert", "", "PEM file of the serving certificate")
	flag.StringVar(&o.key, "key", "", "PEM file of its key")
	flag.StringVar(&o.token, "token", "", "file with the bearer token of all clients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := o.serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// options are the command's flags.
type options struct {
	address, answers, cert, key, token string
}

// serve serves until ctx is done.
func (o *options) serve(ctx context.Context) error {
	provider, err := newConstant(o.answers)
	if err != nil {
		return err
	}
	config := genericapiserver.NewRecommendedConfig(apiserver.Codecs)
	if err := o.secure(&config.Config); err != nil {
		return err
	}
	namer := openapinamer.NewDefinitionNamer(apiserver.Scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, namer)
	library := apiserver.Config{GenericConfig: &config.Config}
	server, err := library.Complete(nil).New("floor", nil, provider)
	if err != nil {
		return fmt.Errorf("assemble the server: %w", err)
	}
	return server.GenericAPIServer.PrepareRun().RunWithContext(ctx)
}

// definitions describe the types of the API.
func definitions(ref openapicommon.ReferenceCallback) map[string]openapicommon.OpenAPIDefinition {
	all := openapicore.GetOpenAPIDefinitions(ref)
	maps.Copy(all, openapiexternal.GetOpenAPIDefinitions(ref))
	return all
}

// secure opens the port, with TLS, for the bearer of the token.
func (o *options) secure(config *genericapiserver.Config) error {
	token, err := os.ReadFile(o.token)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return err
	}
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("floor", o.cert, o.key)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	config.SecureServing = &genericapiserver.SecureServingInfo{Listener: listener, Cert: cert}
	config.ExternalAddress = listener.Addr().String()
	config.Authentication.Authenticator = bearertoken.New(bearer(strings.TrimSpace(string(token))))
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	config.LoopbackClientConfig = &rest.Config{Host: "https://" + listener.Addr().String()}
	return nil
}

// A bearer is the only token that is let in.
type bearer string

var _ authenticator.Token = bearer("")

// AuthenticateToken returns a user for the token, and false for any other.
func (b bearer) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	if subtle.ConstantTimeCompare([]byte(b), []byte(token)) != 1 {
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: "floor", Groups: []string{user.AllAuthenticated}}}, true, nil
}

// readAnswers reads lists in the form in which an adapter's API shows them.
func readAnswers(path string) (map[string][]external_metrics.ExternalMetricValue, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var shown map[string]v1beta1.ExternalMetricValueList
	if err := json.Unmarshal(text, &shown); err != nil {
		return nil, fmt.Errorf("read the answers in %s: %w", path, err)
	}
	answers := make(map[string][]external_metrics.ExternalMetricValue, len(shown))
	for name, list := range shown {
		var internal external_metrics.ExternalMetricValueList
		if err := v1beta1.Convert_v1beta1_ExternalMetricValueList_To_external_metrics_ExternalMetricValueList(&list, &internal, nil); err != nil {
			return nil, fmt.Errorf("convert the answer of %s in %s: %w", name, path, err)
		}
		answers[name] = internal.Items
	}
	return answers, nil
}

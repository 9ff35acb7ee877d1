package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"strconv"

	apiserverconfig "k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
)

// standaloneUser is who the token of a standalone server stands for.
const standaloneUser = "gaugeway:standalone"

// loopback is the only address that a standalone server listens on.
const loopback = "127.0.0.1"

// probePaths are open to everyone, as they are in a cluster.
var probePaths = [...]string{"/healthz", "/livez", "/readyz"}

// Standalone serves the API on 127.0.0.1 without a cluster. Who can read the
// token or the kubeconfig in StateDir may read everything, nobody else anything
// but the probes.
type Standalone struct {
	// BindPort is the port; 0 takes any that is free.
	BindPort int
	// StateDir is the folder of the files token and kubeconfig, both with mode
	// 0600. It is made if it does not exist. Empty is a folder for the port
	// under the user's cache folder.
	StateDir string
}

// applyTo opens the port, writes the state files and makes the token in them
// the only way in. The clock dates the certificate. If it fails after the port
// was opened, config says where.
func (o *Standalone) applyTo(config *genericapiserver.Config, clock clock.PassiveClock) (*stateFiles, error) {
	address := net.JoinHostPort(loopback, strconv.Itoa(o.BindPort))
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve standalone: %w: choose another port", err)
	}
	config.SecureServing = &genericapiserver.SecureServingInfo{Listener: listener}
	config.ExternalAddress = listener.Addr().String()

	serving, err := newCertificate(clock.Now())
	if err != nil {
		return nil, fmt.Errorf("make a serving certificate: %w", err)
	}
	config.SecureServing.Cert, err = dynamiccertificates.NewStaticCertKeyContent("standalone", serving.cert, serving.key)
	if err != nil {
		return nil, fmt.Errorf("use the serving certificate: %w", err)
	}

	token := rand.Text()
	config.Authentication.Authenticator = authenticate(token)
	config.Authorization.Authorizer = authorizer.AuthorizerFunc(authorize)
	// Nothing calls the API from within, so this is without credentials.
	config.LoopbackClientConfig = &rest.Config{Host: "https://" + listener.Addr().String()}

	return writeStateFiles(o.StateDir, access{server: "https://" + listener.Addr().String(), ca: serving.ca, token: token})
}

// authenticate accepts the bearer of the token, and for the probes anyone who
// does not show a wrong one.
func authenticate(token string) authenticator.Request {
	anyone := make([]apiserverconfig.AnonymousAuthCondition, len(probePaths))
	for i, path := range probePaths {
		anyone[i].Path = path
	}
	return union.NewFailOnError(bearertoken.New(newTokenAuthenticator(token)), anonymous.NewAuthenticator(anyone))
}

// authorize lets the token's user do everything, and others read the probes.
func authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetUser() != nil && a.GetUser().GetName() == standaloneUser {
		return authorizer.DecisionAllow, "", nil
	}
	for _, path := range probePaths {
		if !a.IsResourceRequest() && a.GetPath() == path {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionDeny, "only the bearer of the standalone token may", nil
}

var _ authenticator.Token = (*tokenAuthenticator)(nil)

// A tokenAuthenticator knows one token by its hash. Comparing hashes in constant
// time tells a guesser nothing, not even the length.
type tokenAuthenticator struct {
	sum [sha256.Size]byte
}

func newTokenAuthenticator(token string) *tokenAuthenticator {
	return &tokenAuthenticator{sum: sha256.Sum256([]byte(token))}
}

// AuthenticateToken returns the standalone user for the token, and false for
// any other.
func (t *tokenAuthenticator) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	sum := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(sum[:], t.sum[:]) != 1 {
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{
		Name:   standaloneUser,
		Groups: []string{user.AllAuthenticated},
	}}, true, nil
}

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/gaugeway/gaugeway/e2e/build"
)

// A floorServer is the least that the library of the metrics APIs can do: it
// answers what it is told to.
type floorServer struct {
	*program
	*client          // HTTP/2
	authority []byte // PEM
}

// startFloor builds and starts the floor, and waits until it answers.
func (b *bench) startFloor(ctx context.Context, answers map[string]*v1beta1.ExternalMetricValueList) (*floorServer, error) {
	dir, err := os.MkdirTemp(b.dir, "floor-")
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := buildFloor(in("floor")); err != nil {
		return nil, err
	}
	text, err := json.Marshal(answers)
	if err != nil {
		return nil, err
	}
	cert, key, err := certificate()
	if err != nil {
		return nil, err
	}
	token := rand.Text()
	for name, content := range map[string][]byte{"answers.json": text, "cert.pem": cert, "key.pem": key, "token": []byte(token)} {
		if err := os.WriteFile(in(name), content, 0o600); err != nil {
			return nil, err
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	p, err := b.start("floor", exec.Command(in("floor"), "-address", address, "-answers", in("answers.json"),
		"-cert", in("cert.pem"), "-key", in("key.pem"), "-token", in("token")))
	if err != nil {
		return nil, err
	}
	c, err := newClient("https://"+address, token, cert, http2)
	if err != nil {
		return nil, err
	}
	f := &floorServer{program: p, client: c, authority: cert}
	return f, eventually(ctx, p, "the floor", func() error {
		_, err := f.get(ctx, apiRoot)
		return err
	})
}

// buildFloor builds the floor as gaugeway is built.
func buildFloor(path string) error {
	root, err := build.Root()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Dir = filepath.Join(root, "e2e", "bench", "floor")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the floor: %w\n%s", err, out)
	}
	return nil
}

// certificate makes a certificate for 127.0.0.1, of the kind that gaugeway
// makes for itself, and its key, both in PEM.
func certificate() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

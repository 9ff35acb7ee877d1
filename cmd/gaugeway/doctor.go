package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gaugeway/gaugeway/pkg/doctor"
)

type doctorOptions struct {
	kubeconfig, context, namespace string
	install, service               string
	output                         string
	presets                        string // a folder

	compare                     bool
	direct, tokenFile, directCA string
}

func newDoctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what keeps a cluster's autoscalers from scaling on gaugeway's metrics",
		Long: `Look at a cluster with your own credentials, from the outside in: the registered
APIs and their certificates, gaugeway's Deployment, the access of the autoscalers'
controller, the GatewaySources and GatewayMetrics, and each HorizontalPodAutoscaler
that names a metric of gaugeway. Nothing is written.

It exits with 0 if nothing is wrong (warnings may be printed), with 1 if something
is, and with 2 if it could not look. What your credentials do not let it read is
skipped, with the permission that it needs.`,
		Example: `  gaugeway doctor
  gaugeway doctor --namespace shop --output json
  gaugeway doctor --compare`,
		Args: noArguments("see gaugeway doctor --help for its flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; default: $KUBECONFIG, ~/.kube/config, or that of the pod it runs in")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig; default: the current one")
	f.StringVarP(&o.namespace, "namespace", "n", "", "look only at the sources, metrics and autoscalers of this namespace; default: all")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.StringVar(&o.install, "install-namespace", "", "where gaugeway runs; default: where its APIServices lead to, or "+doctor.DefaultNamespace)
	f.StringVar(&o.service, "service", "", "gaugeway's Service; default: that of its APIServices, or "+doctor.DefaultService)
	f.BoolVar(&o.compare, "compare", false, "set the answers of the adapter that serves external metrics now beside gaugeway's")
	f.StringVar(&o.direct, "direct", "", "with --compare: read gaugeway at this URL, such as a kubectl port-forward, instead of the objects' statuses")
	f.StringVar(&o.tokenFile, "direct-token-file", "", "bearer token for --direct, of somebody who may read external metrics")
	f.StringVar(&o.directCA, "direct-ca-file", "", "CA of gaugeway's certificate for --direct; default: that in the Secret of its certificate")
	addPresetsFlag(f, &o.presets)
	return cmd
}

func (o *doctorOptions) validate() error {
	switch {
	case o.output != "text" && o.output != "json":
		return fmt.Errorf("--output %s: use text or json", o.output)
	case (o.direct != "" || o.tokenFile != "" || o.directCA != "") && !o.compare:
		return errors.New("--direct is for --compare: give both")
	case o.direct != "" && o.tokenFile == "":
		return errors.New("--direct needs --direct-token-file: your own credentials are not sent to gaugeway")
	case o.direct == "" && (o.tokenFile != "" || o.directCA != ""):
		return errors.New("--direct-token-file and --direct-ca-file are for --direct: give a URL")
	}
	return nil
}

// run examines the cluster of the kubeconfig and prints the report.
func (o *doctorOptions) run(ctx context.Context, out, errOut io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	presets, findings, err := loadPresets(o.presets)
	if err != nil {
		return err
	}
	wrong := printFindings(errOut, findings)
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return fmt.Errorf("no access to a cluster, give --kubeconfig and --context: %w", err)
	}
	config.UserAgent = "gaugeway-doctor/" + buildVersion()
	cluster, err := doctor.Connect(config)
	if err != nil {
		return err
	}
	cluster.Modules = presets.Modules()
	cluster.Namespace, cluster.InstallNamespace, cluster.Service = o.namespace, o.install, o.service
	err = o.report(ctx, out, cluster)
	if err == nil && wrong > 0 {
		return exitError{code: exitFindings}
	}
	return err
}

// report examines a cluster and prints what was found.
func (o *doctorOptions) report(ctx context.Context, out io.Writer, cluster doctor.Options) error {
	report, err := doctor.Examine(ctx, cluster)
	if err != nil {
		return err
	}
	if o.compare {
		direct, err := o.directGetter(ctx, cluster)
		if err != nil {
			return err
		}
		if report.Comparison, err = doctor.Compare(ctx, cluster, direct); err != nil {
			return err
		}
	}
	printed := report.Print
	if o.output == "json" {
		printed = report.PrintJSON
	}
	switch err := printed(out); {
	case err != nil:
		return err
	case !report.Looked():
		return exitError{code: exitFailed, err: errors.New("nothing could be checked with these credentials")}
	case report.Count(doctor.Error) > 0:
		return exitError{code: exitFindings}
	}
	return nil
}

// directGetter returns what reads gaugeway's own API, or nil without --direct.
func (o *doctorOptions) directGetter(ctx context.Context, cluster doctor.Options) (doctor.Getter, error) {
	if o.direct == "" {
		return nil, nil
	}
	config := &rest.Config{Host: o.direct, BearerTokenFile: o.tokenFile}
	serving, err := doctor.Serves(ctx, cluster, o.directCA == "")
	if err != nil {
		return nil, err
	}
	config.ServerName, config.CAData, config.CAFile = serving.Name, serving.CA, o.directCA
	return doctor.NewGetter(config)
}

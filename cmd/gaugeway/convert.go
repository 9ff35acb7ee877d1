package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gaugeway/gaugeway/pkg/convert"
)

func newConvertCommand() *cobra.Command {
	var promql string
	cmd := &cobra.Command{
		Use:   "convert --promql EXPR",
		Short: "Translate PromQL to Lua",
		Long: `Translate an expression of PromQL, such as a rule of prometheus-adapter holds, to
the Lua of a GatewayMetric, and print it.

Over the same samples both give the same. What cannot be said exactly is refused,
with the part of the expression and, where there is one, the way to say it in Lua;
the exit code is then 1.`,
		Example: `  gaugeway convert --promql 'sum(rate(kong_http_requests_total{code!~"5.."}[1m])) by (service)'
  gaugeway convert --promql 'histogram_quantile(0.95, sum by (le) (rate(kong_request_latency_ms_bucket[1m])))'`,
		Args: noArguments("the expression goes behind --promql, in quotes"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if promql == "" {
				return errors.New("give the expression with --promql, in quotes")
			}
			lua, err := convert.FromPromQL(promql)
			switch {
			case convert.IsUnsupported(err):
				return exitError{code: exitFindings, err: err}
			case err != nil && strings.Contains(promql, "<<"):
				return fmt.Errorf("%w; fill in << >> first, as docs/promql.md shows", err)
			case err != nil:
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), lua)
			return err
		},
	}
	cmd.Flags().StringVar(&promql, "promql", "", "the expression")
	return cmd
}

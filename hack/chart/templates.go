package main

// all are the chart's templates. The Namespace is not among them: Helm creates
// that of the release.
func all() []template {
	return []template{
		{to: "serviceaccount.yaml", from: []string{"base/serviceaccount.yaml"}},
		{to: "rbac.yaml", from: []string{"base/rbac.yaml"}},
		{to: "rbac-readers.yaml", from: []string{"base/rbac-readers.yaml"}},
		{to: "rbac-users.yaml", from: []string{"base/rbac-users.yaml"}},
		{to: "service.yaml", from: []string{"base/service.yaml"}},
		{to: "rbac-apiservices.yaml", from: []string{"base/rbac-apiservices.yaml"}, when: ".Values.apiServices.create"},
		{to: "rbac-serving-cert.yaml", from: []string{"base/rbac-serving-cert.yaml"}, when: "not .Values.certManager.enabled"},
		// Of one replica it would keep nodes from draining.
		{to: "poddisruptionbudget.yaml", from: []string{"base/poddisruptionbudget.yaml"}, when: "gt (int .Values.replicas) 1"},
		{to: "certificates.yaml", from: []string{"components/cert-manager/certificates.yaml"}, when: ".Values.certManager.enabled"},
		{to: "networkpolicy.yaml", from: []string{"components/network-policy/networkpolicy.yaml"}, when: ".Values.networkPolicy.enabled"},
		{
			to: "apiservices-custom.yaml", from: []string{"components/custom-metrics/apiservices.yaml"},
			when: `has "custom.metrics.k8s.io" .Values.apiServices.declare`,
		},
		{
			to: "apiservices-external.yaml", from: []string{"components/external-metrics/apiservices.yaml"},
			when: `has "external.metrics.k8s.io" .Values.apiServices.declare`,
		},
		{
			to: "servicemonitor.yaml", from: []string{"components/service-monitor/servicemonitor.yaml"},
			when: ".Values.serviceMonitor.enabled",
			values: []value{{
				"name: gaugeway-serving-cert\n",
				`name: {{ .Values.certManager.enabled | ternary "gaugeway-tls" "gaugeway-serving-cert" }}` + "\n",
			}},
		},
		crds(),
		deployment(),
	}
}

// crds are templates and not in the chart's folder crds, because Helm never
// upgrades what is in that.
func crds() template {
	return template{
		to:   "crds.yaml",
		from: []string{"base/crds/gaugeway.dev_gatewaymetrics.yaml", "base/crds/gaugeway.dev_gatewaysources.yaml"},
		when: ".Values.crds.enabled",
		values: []value{{
			"\nmetadata:\n  annotations:\n",
			`
metadata:
  annotations:
    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
`,
		}},
	}
}

func deployment() template {
	return template{
		to:   "deployment.yaml",
		from: []string{"base/deployment.yaml"},
		values: []value{
			{"  replicas: 2\n", "  replicas: {{ .Values.replicas }}\n"},
			{"  minReadySeconds: 60\n", "  minReadySeconds: {{ .Values.minReadySeconds }}\n"},
			{"    metadata:\n      labels:\n", `    metadata:
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
`},
			{"      serviceAccountName: gaugeway\n", `      serviceAccountName: gaugeway
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
`},
			{"        image: gaugeway/gaugeway\n", `        image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}` + "\n"},
			{"        imagePullPolicy: IfNotPresent\n", "        imagePullPolicy: {{ .Values.image.pullPolicy }}\n"},
			// The two groups are what the flag stands for where it is not given.
			{"        args:\n        - serve\n", `        args:
        - serve
        {{- if ne (.Values.apiServices.create | sortAlpha | join ",") "custom.metrics.k8s.io,external.metrics.k8s.io" }}
        - --apiservices={{ join "," .Values.apiServices.create }}
        {{- end }}
        {{- if .Values.certManager.enabled }}
        - --tls-cert-file=/etc/gaugeway/tls/tls.crt
        - --tls-private-key-file=/etc/gaugeway/tls/tls.key
        - --tls-ca-file=/etc/gaugeway/tls/ca.crt
        {{- end }}
        {{- if .Values.presets.configMap }}
        - --presets=/etc/gaugeway/presets
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
`},
			{`        resources:
          requests:
            cpu: 100m
            memory: 256Mi
          limits:
            memory: 1Gi
`, `        resources:
          {{- toYaml .Values.resources | nindent 10 }}
`},
			{"          readOnlyRootFilesystem: true\n", `          readOnlyRootFilesystem: true
        {{- if or .Values.certManager.enabled .Values.presets.configMap }}
        volumeMounts:
        {{- if .Values.presets.configMap }}
        - name: presets
          mountPath: /etc/gaugeway/presets
          readOnly: true
        {{- end }}
        {{- if .Values.certManager.enabled }}
        - name: tls
          mountPath: /etc/gaugeway/tls
          readOnly: true
        {{- end }}
      volumes:
      {{- with .Values.presets.configMap }}
      - name: presets
        configMap:
          name: {{ . }}
      {{- end }}
      {{- if .Values.certManager.enabled }}
      - name: tls
        secret:
          secretName: gaugeway-tls
      {{- end }}
        {{- end }}
`},
		},
	}
}

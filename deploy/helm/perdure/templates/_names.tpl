{{- define "perdure.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Room is left for the longest suffix, so that no two names become one by being cut. */}}
{{- define "perdure.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains (include "perdure.name" .) .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "perdure.name" .) | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "perdure.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "perdure.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Without the chart's version: a new chart that changes nothing in a pod lets it run on. */}}
{{- define "perdure.podLabels" -}}
{{ include "perdure.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "perdure.selector" -}}
app.kubernetes.io/name: {{ include "perdure.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* All pods of the server, and those that clients call: of whatever layout. */}}
{{- define "perdure.selector.nodes" -}}
{{ include "perdure.selector" . }}
perdure/node: "true"
{{- end }}

{{- define "perdure.selector.frontends" -}}
{{ include "perdure.selector" . }}
perdure/frontend: "true"
{{- end }}

{{- define "perdure.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "perdure.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "perdure.imageOf" -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end }}
{{- end }}

{{- define "perdure.tlsSecret" -}}
{{- .Values.tls.secretName | default (printf "%s-tls" (include "perdure.fullname" .)) }}
{{- end }}

{{- define "perdure.internalTlsSecret" -}}
{{- .Values.internalTls.secretName | default (printf "%s-internal-tls" (include "perdure.fullname" .)) }}
{{- end }}

{{- /* By which Prometheus tells this release's series: what our monitors set as job. */}}
{{- define "perdure.series" -}}
{{- .Values.monitoring.selector | default (printf "job=%q" (printf "%s/%s" .Release.Namespace .Release.Name)) }}
{{- end }}

{{- /* The Deployments of the server, as a JSON list of {component, roles, node}. */}}
{{- define "perdure.deployments" -}}
{{- $all := list }}
{{- if eq .Values.layout "apart" }}
{{- range $role, $own := .Values.roles }}
{{- $node := mergeOverwrite (deepCopy $.Values.node) (deepCopy $own) }}
{{- $all = append $all (dict "component" $role "roles" (list $role) "node" $node) }}
{{- end }}
{{- else if eq .Values.layout "together" }}
{{- $all = append $all (dict "component" "server" "roles" (list "frontend" "history" "matching") "node" .Values.node) }}
{{- end }}
{{- toJson $all }}
{{- end }}

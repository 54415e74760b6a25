{{- /* The environment of a server, from (root, roles): each option under the name that --help gives it. */}}
{{- define "perdure.environment" -}}
{{- $values := .root.Values }}
{{- $embedded := eq $values.layout "embedded" }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: PERDURE_IP
  value: {{ $values.listen.ip | quote }}
- name: PERDURE_PORT
  value: {{ $values.listen.ports.grpc | quote }}
- name: PERDURE_HTTP_PORT
  value: {{ $values.listen.ports.http | quote }}
- name: PERDURE_METRICS_PORT
  value: {{ $values.listen.ports.metrics | quote }}
- name: PERDURE_LOG_LEVEL
  value: {{ $values.log.level | quote }}
- name: PERDURE_LOG_FORMAT
  value: {{ $values.log.format | quote }}
{{- if $embedded }}
- name: PERDURE_DB
  value: /var/lib/perdure/perdure.db
{{- else }}
- name: PERDURE_DB
  valueFrom: {secretKeyRef: {name: {{ $values.database.existingSecret | quote }}, key: {{ $values.database.secretKey | quote }}}}
- name: PERDURE_ROLES
  value: {{ join "," .roles | quote }}
- name: PERDURE_INTERNAL_PORT
  value: {{ $values.listen.ports.internal | quote }}
- name: PERDURE_ADVERTISE
  value: {{ printf "%s:%v" $values.listen.advertiseHost $values.listen.ports.internal | quote }}
{{- end }}
{{- with $values.namespaces }}
- name: PERDURE_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with $values.searchAttributes }}
{{- $all := list }}
{{- range $name, $type := . }}{{ $all = append $all (printf "%s=%s" $name $type) }}{{ end }}
- name: PERDURE_SEARCH_ATTRIBUTES
  value: {{ join "," $all | quote }}
{{- end }}
{{- range $name, $value := $values.settings }}
- name: PERDURE_{{ upper $name }}
  value: {{ include "perdure.plain" $value | quote }}
{{- end }}
{{- with $values.namespaceSettings }}
{{- $all := list }}
{{- range $namespace, $settings := . }}
{{- range $name, $value := $settings }}
{{- $all = append $all (printf "%s:%s=%s" $namespace $name (include "perdure.plain" $value)) }}
{{- end }}
{{- end }}
- name: PERDURE_NAMESPACE_SETTINGS
  value: {{ join "," $all | quote }}
{{- end }}
{{- include "perdure.environment.security" .root }}
{{- end }}

{{- /* A number of values.yaml is a float to Helm; a million must not become 1e+06. */}}
{{- define "perdure.plain" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "perdure.environment.security" -}}
{{- $tls := .Values.tls }}
{{- $internal := and (ne .Values.layout "embedded") (ne .Values.internalTls.source "none") }}
{{- if ne $tls.source "none" }}
- name: PERDURE_TLS_CERT
  value: /etc/perdure/tls/tls.crt
- name: PERDURE_TLS_KEY
  value: /etc/perdure/tls/tls.key
{{- if $tls.clientCa.enabled }}
- name: PERDURE_TLS_CLIENT_CA
  value: {{ printf "/etc/perdure/client-ca/%s" $tls.clientCa.key | quote }}
{{- end }}
{{- if $tls.requireClientCertificate }}
- name: PERDURE_TLS_REQUIRE_CLIENT_CERT
  value: "true"
{{- end }}
{{- end }}
{{- if $internal }}
- name: PERDURE_INTERNAL_TLS_CERT
  value: /etc/perdure/internal-tls/tls.crt
- name: PERDURE_INTERNAL_TLS_KEY
  value: /etc/perdure/internal-tls/tls.key
- name: PERDURE_INTERNAL_TLS_CA
  value: /etc/perdure/internal-tls/ca.crt
{{- end }}
{{- if or (eq $tls.source "none") (and (ne .Values.layout "embedded") (not $internal)) }}
- name: PERDURE_ALLOW_PLAINTEXT
  value: "true"
{{- end }}
{{- with .Values.auth }}
{{- if .jwks.url }}
- name: PERDURE_AUTH_JWKS
  value: {{ .jwks.url | quote }}
{{- else if .jwks.secretName }}
- name: PERDURE_AUTH_JWKS
  value: {{ printf "/etc/perdure/jwks/%s" .jwks.secretKey | quote }}
{{- end }}
{{- with .issuer }}
- name: PERDURE_AUTH_ISSUER
  value: {{ . | quote }}
{{- end }}
{{- with .audience }}
- name: PERDURE_AUTH_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- with .permissionsClaim }}
- name: PERDURE_AUTH_PERMISSIONS_CLAIM
  value: {{ . | quote }}
{{- end }}
{{- if .apiKeys.secretName }}
- name: PERDURE_AUTH_API_KEYS
  value: {{ printf "/etc/perdure/api-keys/%s" .apiKeys.secretKey | quote }}
{{- end }}
{{- if .anonymousMetrics }}
- name: PERDURE_AUTH_ANONYMOUS_METRICS
  value: "true"
{{- end }}
{{- end }}
{{- if .Values.audit.enabled }}
- name: PERDURE_AUDIT_LOG
  value: "-"
{{- end }}
{{- end }}

{{- /* Secrets as files, as a JSON map of folder below /etc/perdure to secret. */}}
{{- define "perdure.files" -}}
{{- $files := dict }}
{{- if ne .Values.tls.source "none" }}
{{- $_ := set $files "tls" (include "perdure.tlsSecret" .) }}
{{- if .Values.tls.clientCa.enabled }}
{{- $_ := set $files "client-ca" (.Values.tls.clientCa.secretName | default (include "perdure.tlsSecret" .)) }}
{{- end }}
{{- end }}
{{- if and (ne .Values.layout "embedded") (ne .Values.internalTls.source "none") }}
{{- $_ := set $files "internal-tls" (include "perdure.internalTlsSecret" .) }}
{{- end }}
{{- with .Values.auth.jwks.secretName }}{{ $_ := set $files "jwks" . }}{{ end }}
{{- with .Values.auth.apiKeys.secretName }}{{ $_ := set $files "api-keys" . }}{{ end }}
{{- toJson $files }}
{{- end }}

{{- define "perdure.probe" -}}
httpGet:
  path: {{ .path }}
  port: metrics
  {{- if ne .root.Values.tls.source "none" }}
  scheme: HTTPS
  {{- end }}
{{ toYaml .timing }}
{{- end }}

{{- /* metadata and spec of a server's pod, from (root, component, roles, node). */}}
{{- define "perdure.pod" -}}
{{- $values := .root.Values }}
{{- $embedded := eq $values.layout "embedded" }}
{{- $files := include "perdure.files" .root | fromJson }}
{{- $node := .node }}
metadata:
  labels:
    {{- include "perdure.podLabels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    perdure/node: "true"
    {{- if has "frontend" .roles }}
    perdure/frontend: "true"
    {{- end }}
    {{- with $node.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $node.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "perdure.serviceAccountName" .root }}
  automountServiceAccountToken: {{ $values.serviceAccount.automountToken }}
  # Or a Service named perdure would put PERDURE_PORT=tcp://… into the environment.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $node.terminationGracePeriodSeconds }}
  securityContext: {{- toYaml $node.podSecurityContext | nindent 4 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $node.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $node.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $node.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $node.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $node.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $node.topologySpread.enabled (not $embedded) }}
  topologySpreadConstraints:
    {{- range $node.topologySpread.topologyKeys }}
    - maxSkew: {{ $node.topologySpread.maxSkew }}
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $node.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "perdure.selector" $.root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
      # Pods of an older version do not count: they are about to go.
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  {{- with $node.extraInitContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: perdure
      {{- with $values.image }}
      image: {{ include "perdure.imageOf" (dict "repository" .repository "digest" .digest "tag" (.tag | default $.root.Chart.AppVersion)) | quote }}
      imagePullPolicy: {{ .pullPolicy }}
      {{- end }}
      args: {{- toYaml (concat (list "server" "start") $node.extraArgs) | nindent 8 }}
      env:
        {{- include "perdure.environment" . | nindent 8 }}
        {{- with $node.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $node.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: grpc, containerPort: {{ $values.listen.ports.grpc }}}
        {{- if not $embedded }}
        - {name: internal, containerPort: {{ $values.listen.ports.internal }}}
        {{- end }}
        - {name: http, containerPort: {{ $values.listen.ports.http }}}
        - {name: metrics, containerPort: {{ $values.listen.ports.metrics }}}
      startupProbe:
        {{- include "perdure.probe" (dict "root" .root "path" "/healthz" "timing" $node.probes.startup) | nindent 8 }}
      livenessProbe:
        {{- include "perdure.probe" (dict "root" .root "path" "/healthz" "timing" $node.probes.liveness) | nindent 8 }}
      readinessProbe:
        {{- include "perdure.probe" (dict "root" .root "path" "/readyz" "timing" $node.probes.readiness) | nindent 8 }}
      {{- if $node.preStopSleepSeconds }}
      lifecycle:
        preStop: {sleep: {seconds: {{ $node.preStopSleepSeconds }}}}
      {{- end }}
      resources: {{- toYaml $node.resources | nindent 8 }}
      securityContext: {{- toYaml $node.securityContext | nindent 8 }}
      {{- if or $files $embedded $node.extraVolumeMounts }}
      volumeMounts:
        {{- range $folder, $_ := $files }}
        - {name: {{ $folder }}, mountPath: /etc/perdure/{{ $folder }}, readOnly: true}
        {{- end }}
        {{- if $embedded }}
        - {name: data, mountPath: /var/lib/perdure}
        - {name: tmp, mountPath: /tmp}
        {{- end }}
        {{- with $node.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    {{- with $node.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or $files $embedded $node.extraVolumes }}
  volumes:
    {{- range $folder, $secret := $files }}
    - name: {{ $folder }}
      secret: {secretName: {{ $secret | quote }}, defaultMode: 0440}
    {{- end }}
    {{- if $embedded }}
    - {name: tmp, emptyDir: {}}
    {{- end }}
    {{- with $node.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

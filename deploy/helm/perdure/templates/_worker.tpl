{{- /* A worker's pod, from (root, name, worker). It finds the server as every SDK does: by TEMPORAL_ variables. */}}
{{- define "perdure.workerPod" -}}
{{- $worker := .worker }}
{{- $values := .root.Values }}
{{- $hasTls := ne $values.tls.source "none" }}
{{- $serverCa := and $hasTls $worker.serverCa.secretName }}
{{- $certificate := and $hasTls $worker.clientCertificate.secretName }}
metadata:
  labels:
    {{- include "perdure.podLabels" .root | nindent 4 }}
    app.kubernetes.io/component: worker
    perdure/worker: {{ .name }}
    {{- with $worker.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $worker.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $worker.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $worker.terminationGracePeriodSeconds }}
  securityContext: {{- toYaml $worker.podSecurityContext | nindent 4 }}
  {{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
  {{- with index $worker $field }}
  {{ $field }}: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  containers:
    - name: worker
      image: {{ include "perdure.imageOf" $worker.image | quote }}
      imagePullPolicy: {{ $worker.image.pullPolicy }}
      {{- range $field := list "command" "args" }}
      {{- with index $worker $field }}
      {{ $field }}: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      env:
        - name: TEMPORAL_ADDRESS
          value: {{ printf "%s.%s.svc:%v" (include "perdure.fullname" .root) .root.Release.Namespace $values.service.ports.grpc | quote }}
        - name: TEMPORAL_NAMESPACE
          value: {{ $worker.namespace | quote }}
        {{- with $worker.taskQueue }}
        - name: TASK_QUEUE
          value: {{ . | quote }}
        {{- end }}
        {{- if $worker.apiKey.secretName }}
        - name: TEMPORAL_API_KEY
          valueFrom: {secretKeyRef: {name: {{ $worker.apiKey.secretName | quote }}, key: {{ $worker.apiKey.secretKey | quote }}}}
        {{- end }}
        # An API key alone would switch TLS on.
        - name: TEMPORAL_TLS
          value: {{ $hasTls | quote }}
        {{- if $serverCa }}
        - name: TEMPORAL_TLS_SERVER_CA_CERT_PATH
          value: {{ printf "/etc/perdure/server-ca/%s" $worker.serverCa.secretKey | quote }}
        {{- end }}
        {{- if $certificate }}
        - name: TEMPORAL_TLS_CLIENT_CERT_PATH
          value: /etc/perdure/client/tls.crt
        - name: TEMPORAL_TLS_CLIENT_KEY_PATH
          value: /etc/perdure/client/tls.key
        {{- end }}
        {{- with $worker.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $worker.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $field := list "startupProbe" "livenessProbe" "readinessProbe" "resources" "securityContext" }}
      {{- with index $worker $field }}
      {{ $field }}: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- if or $serverCa $certificate $worker.extraVolumeMounts }}
      volumeMounts:
        {{- if $serverCa }}
        - {name: server-ca, mountPath: /etc/perdure/server-ca, readOnly: true}
        {{- end }}
        {{- if $certificate }}
        - {name: client-certificate, mountPath: /etc/perdure/client, readOnly: true}
        {{- end }}
        {{- with $worker.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- if or $serverCa $certificate $worker.extraVolumes }}
  volumes:
    {{- if $serverCa }}
    # The authority alone: the secret may hold the server's key as well.
    - name: server-ca
      secret:
        secretName: {{ $worker.serverCa.secretName | quote }}
        items: [{key: {{ $worker.serverCa.secretKey | quote }}, path: {{ $worker.serverCa.secretKey | quote }}}]
    {{- end }}
    {{- if $certificate }}
    - name: client-certificate
      secret: {secretName: {{ $worker.clientCertificate.secretName | quote }}}
    {{- end }}
    {{- with $worker.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

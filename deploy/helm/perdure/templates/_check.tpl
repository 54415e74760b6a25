{{- /* What the schema cannot say: values that are wrong together. Each text names the value to change. */}}
{{- define "perdure.check" -}}
{{- if and (ne .Values.layout "embedded") (not .Values.database.existingSecret) }}
{{- fail "database.existingSecret: name the secret that holds the database's URL, or set layout: embedded" }}
{{- end }}
{{- if and (eq .Values.tls.source "secret") (not .Values.tls.secretName) }}
{{- fail "tls.secretName: needed with tls.source: secret" }}
{{- end }}
{{- if and (eq .Values.internalTls.source "secret") (not .Values.internalTls.secretName) }}
{{- fail "internalTls.secretName: needed with internalTls.source: secret" }}
{{- end }}
{{- range $name := list "tls" "internalTls" }}
{{- $tls := index $.Values $name }}
{{- if and (eq $tls.source "certManager") (not $tls.certManager.issuerRef.name) }}
{{- fail (printf "%s.certManager.issuerRef.name: needed with %s.source: certManager" $name $name) }}
{{- end }}
{{- end }}
{{- if and .Values.tls.clientCa.enabled (eq .Values.tls.source "none") }}
{{- fail "tls.clientCa.enabled: client certificates need TLS; set tls.source" }}
{{- end }}
{{- if and .Values.tls.requireClientCertificate (not .Values.tls.clientCa.enabled) }}
{{- fail "tls.requireClientCertificate: needs tls.clientCa.enabled" }}
{{- end }}
{{- if and .Values.auth.jwks.url .Values.auth.jwks.secretName }}
{{- fail "auth.jwks: give url or secretName, not both" }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.monitoring.podMonitor.enabled }}
{{- fail "monitoring: serviceMonitor and podMonitor together would count everything twice" }}
{{- end }}
{{- range $deployment := include "perdure.deployments" . | fromJsonArray }}
{{- with $deployment.node }}
{{- /* The server gives itself 20 seconds; see stopping in docs/operating.md. */}}
{{- if lt (int .terminationGracePeriodSeconds) (add (int .preStopSleepSeconds) 25 | int) }}
{{- fail (printf "terminationGracePeriodSeconds of %s: needs to be preStopSleepSeconds and 25 seconds at least" $deployment.component) }}
{{- end }}
{{- if and (eq (toString .strategy.maxSurge) "0") (eq (toString .strategy.maxUnavailable) "0") }}
{{- fail (printf "strategy of %s: maxSurge and maxUnavailable cannot both be 0" $deployment.component) }}
{{- end }}
{{- if and .autoscaling.enabled (not .autoscaling.cpu.enabled) (not .autoscaling.backlog.enabled) }}
{{- fail (printf "autoscaling of %s: enable cpu or backlog" $deployment.component) }}
{{- end }}
{{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas of %s: is above maxReplicas" $deployment.component) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $own := .Values.workers }}
{{- $worker := mergeOverwrite (deepCopy $.Values.workerDefaults) (deepCopy $own) }}
{{- if not $worker.image.repository }}
{{- fail (printf "workers.%s.image.repository: your image is needed" $name) }}
{{- end }}
{{- if $worker.keda.enabled }}
{{- if not $worker.taskQueue }}
{{- fail (printf "workers.%s.taskQueue: needed with keda.enabled" $name) }}
{{- end }}
{{- if not $worker.keda.prometheusAddress }}
{{- fail (printf "workers.%s.keda.prometheusAddress: needed with keda.enabled" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

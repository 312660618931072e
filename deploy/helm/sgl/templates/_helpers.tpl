{{- define "sgl.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that select a component's pods: (list . "router"). */}}
{{- define "sgl.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "sgl.labels" -}}
{{- $root := index . 0 -}}
{{ include "sgl.selector" . }}
app.kubernetes.io/part-of: sgl
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sgl.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}{{ default (include "sgl.fullname" .) .Values.serviceAccount.name }}{{- else -}}{{ default "default" .Values.serviceAccount.name }}{{- end -}}
{{- end -}}

{{/* The router has an account of its own, so that meshes can tell it from the models. */}}
{{- define "sgl.account" -}}
{{- $root := index . 0 -}}
{{- if and (eq (index . 1) "router") $root.Values.serviceAccount.create -}}{{ include "sgl.serviceAccountName" $root }}-router{{- else -}}{{ include "sgl.serviceAccountName" $root }}{{- end -}}
{{- end -}}

{{- define "sgl.image" -}}
{{- $root := index . 0 -}}
{{- $cuda := index . 2 -}}
{{- $tag := default $root.Chart.AppVersion $root.Values.image.tag -}}
{{- with $root.Values.image.registry -}}{{ . }}/{{- end -}}
sgl-{{ index . 1 }}:{{ $tag }}{{ if $cuda }}-cuda{{ end }}
{{- end -}}

{{- define "sgl.ports" -}}
{{- dict "router" (dict "grpc" 5100 "http" 8080 "metrics" 9100) "small" (dict "grpc" 5101 "metrics" 9101) "large" (dict "grpc" 5102 "metrics" 9102) | toJson -}}
{{- end -}}

{{- define "sgl.grpcName" -}}sgl.v1.{{ . | title }}Service{{- end -}}

{{/* Settings by their keys, "Router:MaxConcurrentRequests", as environment. Values are those of the services' files: no list, no object. */}}
{{- define "sgl.settings" -}}
{{- range $key, $value := . }}
- name: SGL_{{ $key | replace ":" "__" }}
  value: {{ if kindIs "float64" $value }}{{ if eq (floor $value) $value }}{{ printf "%.0f" $value | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- end }}
{{- end -}}

{{- define "sgl.drainEnv" -}}
- { name: SGL_Listen__Address, value: "*" }
- { name: SGL_Listen__ShutdownDelay, value: {{ include "sgl.time" .Values.drain.delaySeconds | quote }} }
- { name: SGL_Listen__DrainTimeout, value: {{ include "sgl.time" .Values.drain.timeoutSeconds | quote }} }
{{- end -}}

{{/* Seconds as hh:mm:ss. */}}
{{- define "sgl.time" -}}
{{- $s := int . -}}{{ printf "%02d:%02d:%02d" (div $s 3600) (mod (div $s 60) 60) (mod $s 60) }}
{{- end -}}

{{- define "sgl.grace" -}}{{ add (int .Values.drain.delaySeconds) (int .Values.drain.timeoutSeconds) (int .Values.drain.preStopSeconds) 10 }}{{- end -}}

{{/* What every pod has beside its container: (list . component values). */}}
{{- define "sgl.pod" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $v := index . 2 -}}
serviceAccountName: {{ include "sgl.account" (list $root $component) }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "sgl.grace" $root }}
securityContext: {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if $v.topologySpreadConstraints }}
{{- toYaml $v.topologySpreadConstraints | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "sgl.selector" (list $root $component) | nindent 8 }}
{{- end }}
{{- end -}}

{{- define "sgl.podMetadata" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $v := index . 2 -}}
labels:
  {{- include "sgl.labels" (list $root $component) | nindent 2 }}
  {{- if eq $root.Values.mesh.kind "istio" }}
  sidecar.istio.io/inject: "true"
  {{- end }}
  {{- with $v.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  kubectl.kubernetes.io/default-container: {{ $component }}
  {{- if eq $root.Values.mesh.kind "istio" }}
  # The sidecar stays until the answers that run have ended, and is there before the first call.
  proxy.istio.io/config: '{"holdApplicationUntilProxyStarts": true, "terminationDrainDuration": "{{ add (int $root.Values.drain.delaySeconds) (int $root.Values.drain.timeoutSeconds) }}s"}'
  {{- end }}
  {{- if eq $root.Values.mesh.kind "linkerd" }}
  linkerd.io/inject: enabled
  config.alpha.linkerd.io/proxy-wait-before-exit-seconds: {{ add (int $root.Values.drain.delaySeconds) (int $root.Values.drain.timeoutSeconds) | quote }}
  # Prometheus and the kubelet have no identity in the mesh.
  config.linkerd.io/skip-inbound-ports: {{ get (get (include "sgl.ports" $root | fromJson) $component) "metrics" | int | quote }}
  {{- end }}
  {{- with $v.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Readiness, or startup: gRPC health, and with TLS, which kubelets do not speak to gRPC, the same by HTTP. (list component port tls) */}}
{{- define "sgl.ready" -}}
{{- if index . 2 -}}
httpGet: { path: /readyz, port: metrics }
{{- else -}}
grpc: { port: {{ index . 1 }}, service: {{ include "sgl.grpcName" (index . 0) }} }
{{- end -}}
{{- end -}}

{{- define "sgl.container" -}}
{{- $root := index . 0 -}}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext: {{- toYaml $root.Values.securityContext | nindent 2 }}
{{- if gt (int $root.Values.drain.preStopSeconds) 0 }}
lifecycle:
  preStop:
    sleep: { seconds: {{ int $root.Values.drain.preStopSeconds }} }
{{- end }}
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

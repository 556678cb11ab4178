{{- /* By which the pods are found: the same in every release, as there is one in a cluster. */ -}}
{{- define "pod-hardener.selector" -}}
app.kubernetes.io/name: pod-hardener
{{- end }}

{{- define "pod-hardener.labels" -}}
{{ include "pod-hardener.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pod-hardener.image" -}}
{{- with .Values.image -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{- define "pod-hardener.priority" -}}
{{ .Values.priorityClassName | default (ternary "system-cluster-critical" "pod-hardener" .Values.highAvailability) }}
{{- end }}

{{- /* Of both webhooks: left out while whoever makes the certificate adds it. */ -}}
{{- define "pod-hardener.caBundle" -}}
{{- if eq .Values.certificates.mode "secret" }}
{{- with .Values.certificates.caBundle }}
    caBundle: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pod-hardener.injection" -}}
{{- if eq .Values.certificates.mode "cert-manager" }}
  annotations:
    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/pod-hardener
{{- end }}
{{- end }}

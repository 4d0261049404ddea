variable "project" {
  description = "Google Cloud project that has the metrics."
  type        = string
}

variable "rules_file" {
  description = "The file deploy/monitoring/prometheus/millrace.rules.yml."
  type        = string
}

variable "critical_channels" {
  description = "Names of notification channels, as the module channels has them."
  type        = list(string)
}

variable "warning_channels" {
  description = "Names of notification channels, as the module channels has them."
  type        = list(string)
}

variable "runbook_url" {
  description = "Address of your copy of docs/runbooks.md."
  type        = string
}

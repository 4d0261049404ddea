variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "environment" {
  description = "Name of the Composer environment."
  type        = string
}

variable "pagerduty_service_key" {
  description = "Integration key of a PagerDuty service."
  type        = string
  default     = null
  sensitive   = true
}

variable "slack_channel" {
  description = "Slack channel such as #data-alerts."
  type        = string
  default     = null
}

variable "slack_auth_token" {
  description = "OAuth token of Google Cloud Monitoring's Slack app."
  type        = string
  default     = null
  sensitive   = true
}

variable "emails" {
  description = "Addresses for e-mail."
  type        = list(string)
  default     = []
}

variable "runbook_url" {
  description = "Address of your copy of docs/runbooks.md."
  type        = string
}
